/**
 * True where several listeners may be bound to one port and the kernel spreads connections over them
 * (`SO_REUSEPORT` with load balancing).
 */
export function canSharePorts(platform: NodeJS.Platform = process.platform): boolean {
  return platform === 'linux' || platform === 'freebsd' || platform === 'sunos' || platform === 'aix'
}
