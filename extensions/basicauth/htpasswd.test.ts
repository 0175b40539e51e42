import { hashSync } from 'bcryptjs'
import { assert, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseHtpasswd, verifyPassword } from './htpasswd.ts'

const PASSWORD = 'pa:ss wörd'
/** Made with `openssl` and with crypt(3) of Linux. */
const HASHES = [
  { name: 'apr1', hash: '$apr1$saltsalt$57M75mtJHnRrcuily51CO0', password: PASSWORD },
  { name: 'MD5 crypt', hash: '$1$saltsalt$u8S/zMcc69bB5O/reTbvT/', password: PASSWORD },
  { name: 'SHA-256 crypt', hash: '$5$saltsalt$f3/UQ15npnSs4Vv7.Xos27TA1i1CpdMGT34D5fPQuj5', password: PASSWORD },
  { name: 'SHA-512 crypt', hash: '$6$saltsalt$C4RIzsZQIZD5.VEF3opYL3gpxyszQ5ZhzXA6QVzJgu5AFkGPMkRyVj.ao7MicoMK9iVtJ6ezaZhxMP8Sj1Ymr0', password: PASSWORD },
  {
    name: 'SHA-256 crypt with rounds and a long password',
    hash: '$5$rounds=1200$abc$IgXf2FsCrm/.7tnuzJKzJdWg0b6Pl.13wI1dtEP8Il4',
    password: 'averyveryverylongpasswordthatismorethansixtyfourbyteslongandthensomemoretobesure12345',
  },
  { name: 'SHA-1', hash: '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', password: 'password' },
  { name: 'salted SHA-1', hash: '{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0', password: 'secret' },
  { name: 'bcrypt', hash: '$2y$04$TnjywYklQbbZjdjBgBoA4.1aQ3jsbEWqlHcv1QoTeR0FYKwW.55HO', password: 'abc123xyz' },
  { name: 'a plain password', hash: 'correct horse', password: 'correct horse' },
]

describe('a password', () => {
  test.for(HASHES)('is found right and wrong: $name', async ({ hash, password }, { expect: check }) => {
    check(parseHtpasswd(`joe:${hash}`)).toEqual({ users: new Map([['joe', hash]]), problems: [] })
    check(await verifyPassword(password, hash)).toBe(true)
    check(await verifyPassword(`${password} `, hash)).toBe(false)
    check(await verifyPassword('', hash)).toBe(false)
  })

  test('is right for what bcrypt made of it', async () => {
    expect(await verifyPassword(PASSWORD, hashSync(PASSWORD, 4))).toBe(true)
    expect(await verifyPassword('x', hashSync(PASSWORD, 4))).toBe(false)
  })
})

describe('lines', () => {
  test('may be empty, comments, or have spaces around; the first of a user counts', () => {
    expect([...parseHtpasswd('# people\n\n  joe:one  \r\njoe:two\nann:a:b\n').users]).toEqual([
      ['joe', 'one'],
      ['ann', 'a:b'],
    ])
  })

  test.for([
    { line: 'nobody', problem: 'no user' },
    { line: ':pass', problem: 'no user' },
    { line: 'joe:$7$abc', problem: 'unknown kind of hash' },
    { line: 'joe:{CRYPT}abc', problem: 'unknown kind of hash' },
    { line: 'joe:$2y$10$short', problem: 'unknown kind of hash' },
    { line: `joe:${HASHES[7]?.hash.replace('$04$', '$17$')}`, problem: 'bcrypt cost too high' },
    { line: 'joe:$5$rounds=99999999$abc$IgXf2FsCrm/.7tnuzJKzJdWg0b6Pl.13wI1dtEP8Il4', problem: 'too many rounds' },
  ])('that are no good are named without what they hold: $line', ({ line, problem }, { expect: check }) => {
    const { users, problems } = parseHtpasswd(`# one\n${line}\n`)
    check(users.size).toBe(0)
    check(problems).toEqual([{ line: 2, problem, expected: expect.any(String) as string }])
    check(JSON.stringify(problems)).not.toContain('joe')
  })

  test('never make it throw, whatever they are', () => {
    assert(
      property(string({ unit: 'binary' }), (text) => {
        const { users, problems } = parseHtpasswd(text)
        expect(users.size + problems.length).toBeLessThanOrEqual(text.split('\n').length)
      }),
      { numRuns: 50 },
    )
  })
})
