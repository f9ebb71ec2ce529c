import { useEffect, useRef, useState } from 'react'
import { subscribe } from 'cinnabar/client'

/**
 * Subscribes while the component is there; other topics are another subscription.
 *
 * @param {import('cinnabar/client').SubscribeOptions} options `onEvent` is told of every update; what a render
 *   sees is the last one
 */
export function useMercure(options) {
  const [update, setUpdate] = useState()
  const [state, setState] = useState({ name: 'connecting' })
  const latest = useRef(options)
  latest.current = options
  const { hub, match, urlPattern, topic } = options

  useEffect(() => {
    const subscription = subscribe({
      ...latest.current,
      onEvent: (next) => {
        setUpdate(next)
        latest.current.onEvent?.(next)
      },
      onState: setState,
      onGap: (gap) => latest.current.onGap?.(gap),
    })
    return () => subscription.close()
  }, [JSON.stringify([hub, match, urlPattern, topic])])

  return { update, state }
}
