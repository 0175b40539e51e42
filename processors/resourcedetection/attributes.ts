/**
 * What each detector can find, by the names of the Collector's detectors, and whether it is put on resources when
 * `resource_attributes` says nothing.
 */
export const DETECTOR_ATTRIBUTES = {
  env: {},
  system: {
    'host.name': true,
    'os.type': true,
    'host.arch': false,
    'host.cpu.family': false,
    'host.cpu.model.id': false,
    'host.cpu.model.name': false,
    'host.cpu.stepping': false,
    'host.cpu.vendor.id': false,
    'host.id': false,
    'host.interface': false,
    'host.ip': false,
    'host.mac': false,
    'os.description': false,
    'os.name': false,
    'os.version': false,
  },
  k8snode: { 'k8s.node.name': true, 'k8s.node.uid': true },
  k8s_api: { 'k8s.node.name': true, 'k8s.node.uid': true },
  ecs: {
    'aws.ecs.cluster.arn': true,
    'aws.ecs.launchtype': true,
    'aws.ecs.task.arn': true,
    'aws.ecs.task.family': true,
    'aws.ecs.task.id': true,
    'aws.ecs.task.revision': true,
    'aws.log.group.arns': true,
    'aws.log.group.names': true,
    'aws.log.stream.arns': true,
    'aws.log.stream.names': true,
    'cloud.account.id': true,
    'cloud.availability_zone': true,
    'cloud.platform': true,
    'cloud.provider': true,
    'cloud.region': true,
  },
  ec2: {
    'cloud.account.id': true,
    'cloud.availability_zone': true,
    'cloud.platform': true,
    'cloud.provider': true,
    'cloud.region': true,
    'host.id': true,
    'host.image.id': true,
    'host.name': true,
    'host.type': true,
  },
  eks: {
    'cloud.platform': true,
    'cloud.provider': true,
    'cloud.account.id': false,
    'cloud.availability_zone': false,
    'cloud.region': false,
    'host.id': false,
    'host.image.id': false,
    'host.name': false,
    'host.type': false,
    'k8s.cluster.name': false,
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, boolean>>>>

export type DetectorName = keyof typeof DETECTOR_ATTRIBUTES

/** The section `resource_attributes` of a detector. */
export type AttributeSwitches = Readonly<Record<string, { readonly enabled: boolean }>>

/** Whether an attribute that a detector found is put on resources. What is in no table, such as tags, always is. */
export function isEnabled(detector: DetectorName, attribute: string, switches: AttributeSwitches): boolean {
  const defaults: Readonly<Record<string, boolean>> = DETECTOR_ATTRIBUTES[detector]
  const given = Object.hasOwn(switches, attribute) ? switches[attribute]?.enabled : undefined
  return given ?? (Object.hasOwn(defaults, attribute) ? (defaults[attribute] as boolean) : true)
}
