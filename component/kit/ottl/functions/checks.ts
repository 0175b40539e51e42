import { BlockList, isIP } from 'node:net'
import { AttributeSet } from '../../../../model/attributes.ts'
import { expectList, expectText } from '../expect.ts'
import { compareValues, Duration, isList, type OttlValue, TelemetryId, Time } from '../values.ts'
import type { Arguments } from './arguments.ts'
import { type Converter, converter, type Evaluate } from './function.ts'

function typeCheck(name: string, isOfType: (value: OttlValue) => boolean): Converter {
  return converter(name, ['target'], (args) => {
    const value = args.value('target')
    return (item) => isOfType(value(item))
  })
}

function createIsMatch(args: Arguments): Evaluate {
  const target = args.textLike('target')
  const pattern = args.pattern('pattern')
  return (item) => {
    const text = target(item)
    return text !== undefined && pattern(item).test(text)
  }
}

function isEmpty(value: OttlValue): boolean {
  if (value === null || value === '' || value === 0 || value === 0n || value === false) return true
  if (value instanceof AttributeSet) return value.size === 0
  if (value instanceof Uint8Array || isList(value)) return value.length === 0
  if (value instanceof Time || value instanceof Duration) return value.ns === 0n
  return value instanceof TelemetryId && /^0*$/.test(value.hex)
}

function createIsInCidr(args: Arguments): Evaluate {
  const target = args.text('target')
  const networks = args.literal('networks', (value) => expectList(value).map(expectText))
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits = '', ...more] = network.split('/')
    const family = isIP(address)
    if (family === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
      throw args.fault('networks', `no network: ${network}`, 'networks such as 10.0.0.0/8')
    }
    list.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6')
  }
  return (item) => {
    const address = target(item)
    const family = isIP(address)
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
  }
}

/** A test of one text for another. */
function textCheck(name: string, other: string, test: (text: string, part: string) => boolean): Converter {
  return converter(name, ['target', other], (args) => {
    const [text, part] = [args.text('target'), args.text(other)]
    return (item) => test(text(item), part(item))
  })
}

/** Converters that give true or false. */
export const CHECKS: readonly Converter[] = [
  converter('IsMatch', ['target', 'pattern'], createIsMatch),
  typeCheck('IsString', (value) => typeof value === 'string'),
  typeCheck('IsInt', (value) => typeof value === 'bigint'),
  typeCheck('IsDouble', (value) => typeof value === 'number'),
  typeCheck('IsBool', (value) => typeof value === 'boolean'),
  typeCheck('IsMap', (value) => value instanceof AttributeSet),
  typeCheck('IsList', isList),
  typeCheck('IsEmpty', isEmpty),
  textCheck('HasPrefix', 'prefix', (text, part) => text.startsWith(part)),
  textCheck('HasSuffix', 'suffix', (text, part) => text.endsWith(part)),
  converter('ContainsValue', ['target', 'item'], (args) => {
    const list = args.typed('target', expectList)
    const wanted = args.value('item')
    return (item) => {
      const value = wanted(item)
      return list(item).some((member) => compareValues(member, value, '=='))
    }
  }),
  converter('IsInCIDR', ['target', 'networks'], createIsInCidr),
  converter(
    'IsRootSpan',
    [],
    () =>
      ({ span }) =>
        span.parentSpanId === '',
    { contexts: ['span'], reads: 'span' },
  ),
  converter(
    'HasAttrKeyOnDatapoint',
    ['key'],
    (args) => {
      const key = args.literal('key', expectText)
      return ({ points }) => {
        for (const { attributes } of points) if (attributes.get(key) !== undefined) return true
        return false
      }
    },
    { contexts: ['metric'], reads: 'points' },
  ),
  converter(
    'HasAttrOnDatapoint',
    ['key', 'expected_val'],
    (args) => {
      const key = args.literal('key', expectText)
      const expected = args.literal('expected_val', expectText)
      return ({ points }) => {
        for (const { attributes } of points) {
          const value = attributes.get(key)
          if (value !== undefined && (typeof value === 'string' ? value : '') === expected) return true
        }
        return false
      }
    },
    { contexts: ['metric'], reads: 'points' },
  ),
]
