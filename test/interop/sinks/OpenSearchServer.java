import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node until SIGTERM: java OpenSearchServer.java FOLDER HTTP_PORT TRANSPORT_PORT. */
public class OpenSearchServer {
  public static void main(String[] args) throws Exception {
    OpenSearchRunner runner = new OpenSearchRunner();
    runner.onBuild((number, settings) -> {
      settings.put("network.host", "127.0.0.1");
      settings.put("http.port", args[1]);
      settings.put("transport.port", args[2]);
      settings.put("discovery.type", "single-node");
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        runner.close();
      } catch (Exception error) {
        error.printStackTrace();
      }
    }));
    runner.build(OpenSearchRunner.newConfigs().basePath(args[0]).clusterName("meshscope").numOfNode(1).disableESLogger());
    Thread.currentThread().join();
  }
}
