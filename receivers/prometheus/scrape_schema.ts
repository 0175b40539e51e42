import type { FromSchema } from '../../component/config_schema.ts'
import { RELABEL_ACTIONS } from './targets/relabel.ts'

/** The parts of Prometheus' scrape config (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config) that are read. */

/** Text that YAML may take for something else, such as `regex: true`. */
const looseText = (description: string) => ({ oneOf: [{ type: 'string' }, { type: 'boolean' }, { type: 'number' }], description }) as const

const relabelRuleSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    source_labels: { type: 'array', items: { type: 'string' }, default: [], description: 'Labels whose values are joined to the text that the rule looks at.' },
    separator: { type: 'string', default: ';', description: 'What stands between the joined values.' },
    regex: looseText('RE2 regular expression that has to match all of the text; anything without it.'),
    action: { type: 'string', enum: RELABEL_ACTIONS, default: 'replace', description: 'What to do.' },
    target_label: { type: 'string', default: '', description: 'Label that is set; $1 and the like are groups of the regex.' },
    replacement: looseText('What it is set to; $1 and the like are groups of the regex, which stand in YAML as $$1 or $1. $1 without it.'),
    modulus: { type: 'integer', minimum: 1, description: 'For hashmod: the hash of the text is taken modulo this.' },
  },
} as const

export type RelabelRuleConfig = FromSchema<typeof relabelRuleSchema>

const rules = (what: string) => ({ type: 'array', items: relabelRuleSchema, default: [], description: what }) as const

const staticConfigSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['targets'],
  properties: {
    targets: { type: 'array', items: { type: 'string', minLength: 1 }, description: 'Addresses, host:port.' },
    labels: { type: 'object', additionalProperties: looseText('Value of a label.'), default: {}, description: 'Labels of these targets.' },
  },
} as const

const kubernetesSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['role'],
  properties: {
    role: { type: 'string', enum: ['pod'], description: 'What becomes a target: pod = every port of every container of a pod.' },
    namespaces: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Where pods are looked for; everywhere without it.',
      properties: {
        names: { type: 'array', items: { type: 'string', minLength: 1 }, default: [], description: 'Only these namespaces.' },
      },
    },
    selectors: {
      type: 'array',
      default: [],
      description: 'Only objects that fit.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['role'],
        properties: {
          role: { type: 'string', enum: ['pod'], description: 'Which objects are meant.' },
          label: { type: 'string', description: 'Label selector, such as app=shop,env in (a,b),!canary.' },
          field: { type: 'string', description: 'Field selector over metadata.name, metadata.namespace, spec.nodeName and status.phase.' },
        },
      },
    },
  },
} as const

export type KubernetesConfig = FromSchema<typeof kubernetesSchema>

const tlsSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'How an https target is verified, and what is shown to it.',
  properties: {
    ca_file: {
      type: 'string',
      format: 'path',
      description: 'PEM file with the authorities that sign the certificates of targets; without it those of the system.',
    },
    cert_file: { type: 'string', format: 'path', description: 'PEM file with the certificate to show.' },
    key_file: { type: 'string', format: 'path', description: 'PEM file with its private key.' },
    server_name: { type: 'string', minLength: 1, description: 'The name that the certificate must have, instead of that in the address.' },
    insecure_skip_verify: { type: 'boolean', default: false, description: 'Whether any certificate is taken.' },
    min_version: { type: 'string', enum: ['TLS10', 'TLS11', 'TLS12', 'TLS13'], default: 'TLS12', description: 'Lowest TLS version.' },
    max_version: { type: 'string', enum: ['TLS10', 'TLS11', 'TLS12', 'TLS13'], default: 'TLS13', description: 'Highest TLS version.' },
  },
} as const

const basicAuthSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'Name and password for targets.',
  properties: {
    username: { type: 'string', default: '', description: 'Name.' },
    username_file: { type: 'string', format: 'path', description: 'File with the name, read for each scrape.' },
    password: { type: 'string', secret: true, default: '', description: 'Password.' },
    password_file: { type: 'string', format: 'path', description: 'File with the password, read for each scrape.' },
  },
} as const

const authorizationSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'Authorization header for targets.',
  properties: {
    type: { type: 'string', default: 'Bearer', description: 'The word before the credentials.' },
    credentials: { type: 'string', secret: true, description: 'The credentials.' },
    credentials_file: { type: 'string', format: 'path', description: 'File with the credentials, read for each scrape.' },
  },
} as const

export const SCRAPE_PROTOCOLS = ['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText1.0.0', 'PrometheusText0.0.4', 'PrometheusProto'] as const

const jobSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['job_name'],
  properties: {
    job_name: { type: 'string', minLength: 1, description: 'The label job of its targets; one per scrape config.' },
    scrape_interval: { type: 'string', format: 'duration', description: 'How often; without it as in global.' },
    scrape_timeout: { type: 'string', format: 'duration', description: 'How long a scrape may take; without it as in global, at most the interval.' },
    metrics_path: { type: 'string', default: '/metrics', description: 'Path of the page.' },
    scheme: { type: 'string', enum: ['http', 'https'], default: 'http', description: 'How targets are asked.' },
    params: {
      type: 'object',
      additionalProperties: { type: 'array', items: looseText('Value of a parameter.') },
      default: {},
      description: 'Parameters of the URL.',
    },
    honor_labels: {
      type: 'boolean',
      default: false,
      description: 'Whether labels on the page win over those of the target; otherwise they become exported_….',
    },
    honor_timestamps: { type: 'boolean', default: true, description: 'Whether times on the page are taken.' },
    scrape_protocols: {
      type: 'array',
      items: { type: 'string', enum: SCRAPE_PROTOCOLS },
      default: ['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText0.0.4'],
      description: 'Formats to ask for, best first. PrometheusProto is read and left out.',
    },
    enable_compression: { type: 'boolean', default: true, description: 'Whether gzip is asked for.' },
    follow_redirects: { type: 'boolean', default: true, description: 'Whether redirects are followed.' },
    enable_http2: { type: 'boolean', default: true, description: 'Read and not needed: targets are asked by HTTP/1.1.' },
    sample_limit: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'Most samples of a page after metric_relabel_configs; a page with more fails. 0 = any number.',
    },
    body_size_limit: {
      oneOf: [{ type: 'string' }, { type: 'integer', minimum: 0 }],
      default: '256MB',
      description: 'Most bytes of a page, decompressed, such as 10MB; a page with more fails. 0 = the default.',
    },
    basic_auth: basicAuthSchema,
    authorization: authorizationSchema,
    tls_config: tlsSchema,
    static_configs: { type: 'array', items: staticConfigSchema, default: [], description: 'Targets that are known.' },
    kubernetes_sd_configs: { type: 'array', items: kubernetesSchema, default: [], description: 'Targets that the extension k8s_metadata knows of.' },
    relabel_configs: rules('What is done with the labels of targets before they are scraped.'),
    metric_relabel_configs: rules('What is done with the labels of samples.'),
  },
} as const

export type JobConfig = FromSchema<typeof jobSchema>

const globalSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'What holds for all scrape configs that say nothing else.',
  properties: {
    scrape_interval: { type: 'string', format: 'duration', default: '1m', description: 'How often targets are scraped.' },
    scrape_timeout: { type: 'string', format: 'duration', default: '10s', description: 'How long a scrape may take.' },
    evaluation_interval: { type: 'string', format: 'duration', description: 'Read and not needed: there are no rules here.' },
    external_labels: {
      type: 'object',
      additionalProperties: looseText('Value of a label.'),
      default: {},
      description: 'Labels of all targets that do not have them.',
    },
  },
} as const

/** The schema of the receiver's config. */
export const prometheusSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['config'],
  properties: {
    config: {
      type: 'object',
      additionalProperties: false,
      required: ['scrape_configs'],
      description: 'A Prometheus config, as far as it is about scraping.',
      properties: {
        global: globalSchema,
        scrape_configs: { type: 'array', items: jobSchema, minItems: 1, description: 'What to scrape.' },
      },
    },
  },
} as const
