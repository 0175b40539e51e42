import { accessError } from './access_error.ts'

/** An address of an API server without a slash at its end; throws an `AccessError` for what is none. */
export function checkedServer(server: string, place: string): string {
  const url = URL.canParse(server) ? new URL(server) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw accessError(place, 'not an address of an API server', {
      expected: 'a URL such as https://10.0.0.1:6443',
      // What stands before an @ may be a password.
      found: server.replace(/\/\/[^/]*@/, '//(redacted)@'),
    })
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`
}
