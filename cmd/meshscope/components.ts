import type { Registry } from '../../component/spec.ts'
import { meshMetricsConnector } from '../../connectors/mesh_metrics/factory.ts'
import { meshTracesConnector } from '../../connectors/mesh_traces/factory.ts'
import { awsEmfExporter } from '../../exporters/awsemf/factory.ts'
import { debugExporter } from '../../exporters/debug/factory.ts'
import { elasticsearchExporter } from '../../exporters/elasticsearch/factory.ts'
import { fileExporter } from '../../exporters/file/factory.ts'
import { otlpGrpcExporter } from '../../exporters/otlp_grpc/factory.ts'
import { otlpHttpExporter } from '../../exporters/otlp_http/factory.ts'
import { prometheusExporter } from '../../exporters/prometheus/factory.ts'
import { zipkinExporter } from '../../exporters/zipkin/factory.ts'
import { basicAuthExtension } from '../../extensions/basicauth/factory.ts'
import { bearerTokenAuthExtension } from '../../extensions/bearertokenauth/factory.ts'
import { fileStorageExtension } from '../../extensions/file_storage/factory.ts'
import { healthCheckExtension } from '../../extensions/health_check/factory.ts'
import { k8sMetadataExtension } from '../../extensions/k8s_metadata/factory.ts'
import { sigv4AuthExtension } from '../../extensions/sigv4auth/factory.ts'
import { accessLogRecordsProcessor } from '../../processors/access_log_records/factory.ts'
import { attributesProcessor } from '../../processors/attributes/factory.ts'
import { batchProcessor } from '../../processors/batch/factory.ts'
import { cumulativeToDeltaProcessor } from '../../processors/cumulativetodelta/factory.ts'
import { deltaToCumulativeProcessor } from '../../processors/deltatocumulative/factory.ts'
import { filterProcessor } from '../../processors/filter/factory.ts'
import { k8sAttributesProcessor } from '../../processors/k8s_attributes/factory.ts'
import { memoryLimiterProcessor } from '../../processors/memory_limiter/factory.ts'
import { meshProcessor } from '../../processors/mesh/factory.ts'
import { resourceProcessor } from '../../processors/resource/factory.ts'
import { resourceDetectionProcessor } from '../../processors/resourcedetection/factory.ts'
import { transformProcessor } from '../../processors/transform/factory.ts'
import { envoyAlsReceiver } from '../../receivers/envoyals/factory.ts'
import { otlpReceiver } from '../../receivers/otlp/factory.ts'
import { prometheusReceiver } from '../../receivers/prometheus/factory.ts'
import { statsdReceiver } from '../../receivers/statsd/factory.ts'

/** Every component that is built in. To add one: write its folder, and its factory here. */
export const registry: Registry = {
  factories: [
    envoyAlsReceiver,
    statsdReceiver,
    otlpReceiver,
    prometheusReceiver,
    meshProcessor,
    k8sAttributesProcessor,
    accessLogRecordsProcessor,
    batchProcessor,
    memoryLimiterProcessor,
    cumulativeToDeltaProcessor,
    deltaToCumulativeProcessor,
    attributesProcessor,
    resourceProcessor,
    resourceDetectionProcessor,
    filterProcessor,
    transformProcessor,
    meshMetricsConnector,
    meshTracesConnector,
    awsEmfExporter,
    debugExporter,
    fileExporter,
    prometheusExporter,
    otlpGrpcExporter,
    otlpHttpExporter,
    elasticsearchExporter,
    zipkinExporter,
    healthCheckExtension,
    k8sMetadataExtension,
    bearerTokenAuthExtension,
    basicAuthExtension,
    sigv4AuthExtension,
    fileStorageExtension,
  ],
}
