/** The one major version of Node.js that the project is built and tested with. */
export const NODE_MAJOR = 24

/** Ends with a clear message when another major version of Node.js runs; a guard for tests and tools. */
export function assertNodeVersion(version: string = process.version): void {
  const major = Number(version.slice(1).split('.')[0])
  if (major !== NODE_MAJOR) {
    throw new Error(
      `meshscope needs Node.js ${NODE_MAJOR}, but this is ${version}; run it through npm (npm start, npm test, npx meshscope), which puts the pinned Node.js first in the path`,
    )
  }
}
