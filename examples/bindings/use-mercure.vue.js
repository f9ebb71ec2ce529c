import { onScopeDispose, shallowRef, toValue, watch } from 'vue'
import { subscribe } from 'cinnabar/client'

/**
 * Subscribes while the component is there; other topics are another subscription.
 *
 * @param {import('vue').MaybeRefOrGetter<import('cinnabar/client').SubscribeOptions>} options
 */
export function useMercure(options) {
  const update = shallowRef()
  const state = shallowRef({ name: 'connecting' })
  let subscription

  const begin = () => {
    subscription?.close()
    const given = toValue(options)
    subscription = subscribe({
      ...given,
      onEvent: (next) => {
        update.value = next
        given.onEvent?.(next)
      },
      onState: (next) => (state.value = next),
    })
  }
  const topics = () => {
    const { hub, match, urlPattern, topic } = toValue(options)
    return JSON.stringify([hub, match, urlPattern, topic])
  }
  watch(topics, begin, { immediate: true })
  onScopeDispose(() => subscription?.close())

  return { update, state }
}
