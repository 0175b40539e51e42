import { re2Pattern } from '../../../lib/re2.ts'
import { type Attributes, type Detect, type DetectorContext, type Found, NotHereError } from './detector.ts'
import { InstanceMetadata, type MetadataEndpoint } from './imds.ts'

/** Detector `ec2`: the instance and, when asked for, its tags. */
export function detectEc2(config: MetadataEndpoint & { readonly tags: readonly string[] }): Detect {
  const patterns = config.tags.map((pattern) => re2Pattern(pattern))
  return async (context) => {
    const metadata = await InstanceMetadata.open(config, context)
    const attributes = { 'cloud.provider': 'aws', 'cloud.platform': 'aws_ec2', ...(await instanceOf(metadata, context)) }
    if (patterns.length === 0) return { attributes }
    const tags = await tagsOf(metadata, patterns).catch((error: unknown): Found => ({ attributes: {}, problem: (error as Error).message }))
    return { ...tags, attributes: { ...attributes, ...tags.attributes } }
  }
}

async function tagsOf(metadata: InstanceMetadata, patterns: readonly RegExp[]): Promise<Found> {
  const keys = await metadata.tagKeys()
  if (keys === undefined) return { attributes: {}, problem: 'the instance does not allow tags in its metadata (InstanceMetadataTags=enabled)' }
  const wanted = keys.filter((key) => patterns.some((pattern) => pattern.test(key)))
  const values = await Promise.all(wanted.map(async (key) => [`ec2.tag.${key}`, await metadata.tag(key)] as const))
  return { attributes: Object.fromEntries(values) }
}

/** The instance and, when wanted, its name. */
async function instanceOf(metadata: InstanceMetadata, { wants }: DetectorContext): Promise<Attributes> {
  const [instance, name] = await Promise.all([metadata.instance(), wants('host.name') ? metadata.hostname() : undefined])
  return { ...instance, 'host.name': name }
}

/** Attributes of `eks` that come from the metadata of the node's instance. */
const INSTANCE_ATTRIBUTES = ['cloud.account.id', 'cloud.availability_zone', 'cloud.region', 'host.id', 'host.image.id', 'host.name', 'host.type']
/** Tags of nodes that hold the name of their cluster: of managed node groups, of eksctl and of self-managed nodes. */
const CLUSTER_TAGS = ['eks:cluster-name', 'aws:eks:cluster-name', 'alpha.eksctl.io/cluster-name']
const CLUSTER_TAG_PREFIX = 'kubernetes.io/cluster/'

/**
 * Detector `eks`. Whether a cluster is one of EKS can only be learnt from its API server, so who names this detector vouches
 * for it; what is checked is that the process runs in Kubernetes.
 */
export function detectEks(config: MetadataEndpoint & { readonly cluster_name_from_env_var: string }): Detect {
  return async (context) => {
    const { env, wants } = context
    if ((env['KUBERNETES_SERVICE_HOST'] ?? '') === '') throw new NotHereError('not in Kubernetes: KUBERNETES_SERVICE_HOST is not set', { isFinal: true })
    const name = env[config.cluster_name_from_env_var] || undefined
    const attributes: Attributes = { 'cloud.provider': 'aws', 'cloud.platform': 'aws_eks', 'k8s.cluster.name': name }
    const wantsTags = name === undefined && wants('k8s.cluster.name')
    const wantsInstance = INSTANCE_ATTRIBUTES.some(wants)
    if (!wantsTags && !wantsInstance) return { attributes }
    try {
      const metadata = await InstanceMetadata.open(config, context)
      const instance = wantsInstance ? await instanceOf(metadata, context) : {}
      const cluster = wantsTags ? await clusterName(metadata) : name
      const all = { ...attributes, ...instance, 'k8s.cluster.name': cluster }
      if (cluster !== undefined || !wantsTags) return { attributes: all }
      const problem = `no name of the cluster: ${config.cluster_name_from_env_var} is not set, and no tag of the instance has it or may be read`
      return { attributes: all, problem }
    } catch (error) {
      return { attributes, problem: (error as Error).message }
    }
  }
}

async function clusterName(metadata: InstanceMetadata): Promise<string | undefined> {
  const keys = (await metadata.tagKeys()) ?? []
  const key = CLUSTER_TAGS.find((candidate) => keys.includes(candidate))
  if (key !== undefined) return metadata.tag(key)
  return keys.find((candidate) => candidate.startsWith(CLUSTER_TAG_PREFIX))?.slice(CLUSTER_TAG_PREFIX.length) || undefined
}
