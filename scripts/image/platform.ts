/** What the parts of an image are called on each processor that it can be built for. */
export interface ImagePlatform {
  /** The processor as Node.js calls it, which packages of npm carry in their names. */
  readonly arch: 'x64' | 'arm64'
  /** As Debian's packages call it. */
  readonly debian: string
  /** Debian's folder of libraries below `lib`. */
  readonly multiarch: string
  /** Where programs expect the dynamic loader; a link to the file in the folder of libraries. */
  readonly loader: string
}

const PLATFORMS: readonly ImagePlatform[] = [
  { arch: 'x64', debian: 'amd64', multiarch: 'x86_64-linux-gnu', loader: 'lib64/ld-linux-x86-64.so.2' },
  { arch: 'arm64', debian: 'arm64', multiarch: 'aarch64-linux-gnu', loader: 'lib/ld-linux-aarch64.so.1' },
]

/** The platform of the machine that builds; throws on any other than Linux on x64 and arm64. */
export function platformHere(os: string = process.platform, arch: string = process.arch): ImagePlatform {
  const platform = PLATFORMS.find((one) => one.arch === arch)
  if (os !== 'linux' || platform === undefined) {
    throw new Error(
      `an image cannot be built on ${os} ${arch}\n  expected  linux on x64 or arm64\n  hint      use deploy/image/Dockerfile, whose builder brings its own system`,
    )
  }
  return platform
}
