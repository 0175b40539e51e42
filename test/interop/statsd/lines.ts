/** A mapping with everything that statsd_exporter's mappings can do, and lines for all of it. */

export const MAPPING = `
defaults:
  observer_type: summary
  summary_options:
    quantiles: [{ quantile: 0.5, error: 0.05 }, { quantile: 0.9, error: 0.01 }]
    max_age: 5m
    age_buckets: 3
  histogram_options:
    buckets: [0.01, 0.1, 1, 10]
  ttl: 0
mappings:
- match: "test.dispatcher.*.*.*"
  name: "dispatcher_events_total"
  labels: { processor: "$1", action: "$2", outcome: "$3", job: "test_dispatcher" }
- match: "*.signup.*.*"
  name: "signup_events_total"
  labels: { provider: "$2", outcome: "$3", job: "\${1}_server" }
- match: "web.*.*.latency"
  observer_type: histogram
  histogram_options: { buckets: [0.005, 0.05, 0.5, 5] }
  name: "web_latency_seconds"
  labels: { method: "$1", path: "$2" }
- match: "db.*.time"
  observer_type: histogram
  name: "db_time_\${1}_seconds"
  help: "Time of a query."
- match: "rpc.*.size"
  observer_type: summary
  name: "rpc_size_bytes"
  scale: 8
  labels: { rpc: "\${1}" }
- match: "scaled.*"
  match_metric_type: gauge
  scale: 0.001
  name: "scaled_$1"
- match: "typed.*"
  match_metric_type: counter
  name: "typed_counter_$1"
- match: "typed.*"
  match_metric_type: gauge
  name: "typed_gauge_$1"
- match: "typed.*"
  match_metric_type: observer
  name: "typed_observer_$1"
- match: "honored.*"
  name: "honored_total"
  honor_labels: true
  labels: { env: "mapping", item: "$1" }
- match: "overruled.*"
  name: "overruled_total"
  labels: { env: "mapping", item: "$1" }
- match: "secret.*"
  action: drop
  name: "dropped"
- match: "whole.*"
  name: "whole_name"
  labels: { original: "$0", missing: "$2" }
- match: '^client-(\\w+)\\.(.+)-server-(?P<code>\\d+)$'
  match_type: regex
  name: "client_\${1}_total"
  labels: { server: "$2", code: "\${code}", whole: "$0", glued: "$1x" }
- match: '.*\\.noise\\..*'
  match_type: regex
  action: drop
  name: "dropped"
- match: 'size-(\\d+)'
  match_type: regex
  match_metric_type: observer
  observer_type: histogram
  histogram_options: { buckets: [1, 2, 4] }
  name: "sizes"
  labels: { of: "$1" }
- match: "short.lived.*"
  name: "short_lived_$1"
  ttl: 1s
`

/** Names by the rules they meet, and some that meet none. */
const NAMES = [
  'test.dispatcher.FooProcessor.send.success',
  'test.dispatcher.Bar-Processor.send.failure',
  'foo_product.signup.facebook.failure',
  'shop.signup.mail.ok',
  'web.GET.index.latency',
  'web.POST.cart.latency',
  'db.users.time',
  'db.or-ders.time',
  'rpc.Get.size',
  'rpc.Put.size',
  'scaled.depth',
  'typed.thing',
  'honored.one',
  'overruled.one',
  'secret.key',
  'whole.story',
  'client-web.eu.1-server-200',
  'client-app.us-server-503',
  'a.noise.b',
  'size-12',
  'unmapped',
  'unmapped.with.dots',
  'un-mapped--with---dashes',
  '9starts.with.digit',
  'unicode.né.name',
  'web.GET.latency',
  'test.dispatcher.too.few',
] as const

const TAGS = ['', '|#env:dev', '|#env:prod,zone:a', '|#zone:a,env:prod', '|#dotted.key:v,9digit:x', '|#flag,env:dev', '|#quoted:a"b\\c'] as const
/** By the type; each name has one type in `unmapped` families, since a second type is refused there. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  c: ['1', '2.5', '100', '3|@0.1', '0', '7|@0.5'],
  g: ['12', '-3', '+4', '0.25', '1e3'],
  ms: ['320', '4.5', '17|@0.25', '12000', '0.1'],
  h: ['0.02', '3', '40', '1|@0.5'],
  d: ['0.3', '2', '9'],
}
const TYPES_BY_NAME: Readonly<Record<string, readonly string[]>> = {
  'typed.thing': ['c', 'g', 'h'],
  'scaled.depth': ['g'],
  'web.GET.index.latency': ['ms', 'h', 'd'],
  'web.POST.cart.latency': ['ms'],
  'db.users.time': ['ms', 'd'],
  'db.or-ders.time': ['ms'],
  'rpc.Get.size': ['h'],
  'rpc.Put.size': ['h', 'd'],
  'size-12': ['h', 'd'],
  'unmapped.with.dots': ['ms'],
  'un-mapped--with---dashes': ['g'],
  'unicode.né.name': ['h'],
  'web.GET.latency': ['d'],
}

/** What other clients send, and what nobody should; both sides must refuse the same. */
const ODD = [
  'librato#env=dev,zone=a:3|c',
  'influx,env=dev,zone=a:4|c',
  'signal[env=dev,zone=a].fx:5|c',
  'packed:1:2:3|c|#env:dev',
  'packed.time:10:20:30|ms|#env:dev',
  'several:1|c:2|c:3|c|@0.5',
  'gauges.of.one:5|g:+3|g:-1|g',
  'container:1|c|#env:dev|c:ci-0123',
  'container:2|c|#env:dev|c:ci-0123',
  'container:4|c|#env:dev|c:other',
  'container:8|c|#env:dev',
  'container.list:1|c|#env:dev|c:ci-0123,in-45',
  'container.inode:1|c|#env:dev|c:in-45',
  'container.first:1|c|c:abc|#env:dev',
  'container.time:20|ms|c:abc|#env:dev|@0.5',
  'container.tag.before:1|c|#container_id:tag|c:abc',
  'container.tag.after:1|c|c:abc|#container_id:tag',
  'container.empty:1|c|#env:dev|c:',
  'container.untagged:1|c|c:abc',
  'labels:1|c|#_private:a,9digit:b,-dash:c,dotted.key:d',
  'labels:1|c|#_:a,é:b',
  'stamped:1|c|#env:dev|T1656581400',
  'negative:-4|c',
  'negative:6|c',
  'mixed,a=b:1|c|#c:d',
  'zero.rate:4|c|@0',
  'bad.rate:4|c|@x',
  'hex:0x10|c',
  'under:1_000|c',
  'nothing',
  'no.type:1',
  'no.value:|c',
  ':1|c',
  'unknown:1|q',
  'members:joe|s',
  'spaces in name:1|c',
  'pipe|in|name:1|c',
  'entity:1|c|#env:dev|e:it-false',
  'cardinal:1|c|card:low',
  'empty.section:1|c||#env:dev',
  'tag.value.colon:1|c|#url:http://a/b',
  'twice:1|c|#env:dev,env:prod',
  'trailing:1|c|',
  'invalid.\u0001:1|c',
] as const

/** Every name with its types, tags and values, and the odd ones; each line ends with LF. */
export function lines(): readonly string[] {
  const all: string[] = []
  for (const name of NAMES) {
    for (const type of TYPES_BY_NAME[name] ?? ['c']) {
      for (const [index, tags] of TAGS.entries()) {
        const values = VALUES[type] ?? []
        for (let i = 0; i < 3; i++) {
          const [value = '', rate] = (values[(index + i) % values.length] ?? '').split('|')
          all.push(`${name}:${value}|${type}${rate === undefined ? '' : `|${rate}`}${tags}\n`)
        }
      }
    }
  }
  return [...all, ...ODD.map((line) => `${line}\n`)]
}
