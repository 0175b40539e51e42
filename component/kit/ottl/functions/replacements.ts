import { globPattern } from '../../../../lib/glob.ts'
import { expandTemplate, replaceMatches } from '../../../../lib/re2.ts'
import { AttributeSet } from '../../../../model/attributes.ts'
import { expectText } from '../expect.ts'
import type { Item } from '../item.ts'
import type { Arguments } from './arguments.ts'
import { withValues } from './editors.ts'
import { type Edit, type Editor, editor } from './function.ts'

/** What a replacement is turned into before it is put in: by a converter, then into a format. */
function finisher(args: Arguments): ((text: string, item: Item) => string) | undefined {
  if (!args.has('function')) return undefined
  const convert = args.textFunction('function')
  const format = args.has('replacement_format') ? args.compiled('replacement_format', formatParts, 'a format with one %s and no other %') : undefined
  return (text, item) => {
    const converted = convert(text, item)
    if (format === undefined) return converted
    const [before, after] = format(item)
    return before + converted + after
  }
}

function formatParts(format: string): readonly [string, string] {
  const parts = format.split('%s')
  if (parts.length !== 2 || parts.some((part) => part.includes('%'))) throw new SyntaxError(format)
  return [parts[0] ?? '', parts[1] ?? '']
}

/** Replaces the matches of a pattern in a text; the same text when there are none. */
function patternReplacer(args: Arguments): (text: string, item: Item) => string {
  const pattern = args.pattern('regex_pattern', 'g')
  const replacement = args.text('replacement')
  const finish = finisher(args)
  return (text, item) => {
    const compiled = pattern(item)
    const template = replacement(item)
    return replaceMatches(text, compiled, (match) => {
      const expanded = expandTemplate(template, match, match.groups)
      return finish === undefined ? expanded : finish(expanded, item)
    })
  }
}

function createReplacePattern(args: Arguments): Edit {
  const target = args.target('target')
  const replace = patternReplacer(args)
  return (item) => {
    const text = target.get(item)
    if (typeof text !== 'string') return
    const replaced = replace(text, item)
    if (replaced !== text) target.set(item, replaced)
  }
}

function createReplaceAllPatterns(args: Arguments): Edit {
  const target = args.mapTarget('target')
  const mode = args.literal('mode', expectText)
  if (mode !== 'key' && mode !== 'value') throw args.fault('mode', `"${mode}"`, 'key or value')
  const replace = patternReplacer(args)
  if (mode === 'value') {
    return (item) =>
      target.set(
        item,
        withValues(target.get(item), (value) => (typeof value === 'string' ? replace(value, item) : value)),
      )
  }
  return (item) => {
    const map = target.get(item)
    const keys = map.keys.map((key) => replace(key, item))
    if (keys.every((key, i) => key === map.keys[i])) return
    // Of keys that become the same the last one's value stays, in the place of the first.
    const entries = new Map(keys.map((key, i) => [key, map.values[i] ?? null]))
    target.set(item, new AttributeSet([...entries.keys()], [...entries.values()]))
  }
}

/** Replaces a whole text that matches a glob. */
function matchReplacer(args: Arguments): (item: Item) => (text: string) => string {
  const pattern = args.compiled('pattern', globPattern, 'a glob')
  const replacement = args.text('replacement')
  const finish = finisher(args)
  return (item) => {
    const compiled = pattern(item)
    const given = replacement(item)
    const text = finish === undefined ? given : finish(given, item)
    return (value) => (compiled.test(value) ? text : value)
  }
}

function createReplaceMatch(args: Arguments): Edit {
  const target = args.target('target')
  const replacer = matchReplacer(args)
  return (item) => {
    const text = target.get(item)
    const replace = replacer(item)
    if (typeof text === 'string') target.set(item, replace(text))
  }
}

function createReplaceAllMatches(args: Arguments): Edit {
  const target = args.mapTarget('target')
  const replacer = matchReplacer(args)
  return (item) => {
    const map = target.get(item)
    const replace = replacer(item)
    target.set(
      item,
      withValues(map, (value) => (typeof value === 'string' ? replace(value) : value)),
    )
  }
}

/** Editors that replace text by pattern (`replace_pattern`) or by glob (`replace_match`). */
export const REPLACEMENTS: readonly Editor[] = [
  editor('replace_pattern', ['target', 'regex_pattern', 'replacement', 'function?', 'replacement_format?'], createReplacePattern),
  editor('replace_all_patterns', ['target', 'mode', 'regex_pattern', 'replacement', 'function?', 'replacement_format?'], createReplaceAllPatterns),
  editor('replace_match', ['target', 'pattern', 'replacement', 'function?', 'replacement_format?'], createReplaceMatch),
  editor('replace_all_matches', ['target', 'pattern', 'replacement', 'function?', 'replacement_format?'], createReplaceAllMatches),
]
