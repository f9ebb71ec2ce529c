import { HubError } from '../errors.ts'
import { compileMatcher, maxMatcherBytes, type Matcher } from '../matcher.ts'
import { isPlainText, utf8Length } from '../text.ts'
import { UriTemplate } from './uri-template.ts'

/**
 * Compiles a topic selector of protocol 0.x (draft-07 § 2.4): `*`, a topic, or a URI Template, which
 * selects itself as well.
 *
 * Any text is a selector: what is no valid template selects the topic that is spelled the same. So
 * everything but a template is the exact matcher that protocol 1.0 has for it.
 *
 * @throws HubError `invalid_matcher` when it is too long, or a template too complex
 */
export function compileSelector(text: string): Matcher {
  if (utf8Length(text) > maxMatcherBytes)
    throw new HubError(
      'invalid_matcher',
      `a topic selector must be at most ${maxMatcherBytes} bytes long`,
    )
  const template = text.includes('{') ? UriTemplate.compile(text) : undefined
  if (template !== undefined) return templated(text, template)
  return isPlainText(text) ? compileMatcher('exact', text, '') : unpublishable(text)
}

function templated(pattern: string, template: UriTemplate): Matcher {
  return {
    type: 'uritemplate',
    pattern,
    key: `uritemplate:${pattern}`,
    isAny: false,
    base: '',
    urlPattern: undefined,
    prefix: template.prefix,
    cost: template.cost,
    matches: (topic) => topic.value === pattern || template.test(topic.value),
    *matching(topic, slice) {
      return topic.value === pattern || (yield* template.testing(topic.value, slice))
    },
  }
}

/** A text that no topic can be: 0.x takes it, and nothing ever matches. */
function unpublishable(pattern: string): Matcher {
  return {
    type: 'exact',
    pattern,
    key: `exact:${JSON.stringify(pattern)}`,
    isAny: false,
    base: '',
    urlPattern: undefined,
    prefix: undefined,
    cost: 0,
    matches: (topic) => topic.value === pattern,
  }
}
