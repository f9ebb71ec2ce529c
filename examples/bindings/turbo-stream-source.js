import { connectStreamSource, disconnectStreamSource } from '@hotwired/turbo'
import { subscribe } from 'cinnabar/client'

/** `<mercure-stream-source hub="…" match="…">`: Turbo Streams that a hub sends. */
export class MercureStreamSource extends HTMLElement {
  connectedCallback() {
    this.subscription = subscribe({
      hub: this.getAttribute('hub'),
      match: this.getAttribute('match') ?? undefined,
      urlPattern: this.getAttribute('url-pattern') ?? undefined,
      credentials: this.hasAttribute('with-credentials') ? 'include' : undefined,
      onGap: () => window.Turbo?.visit(location.href, { action: 'replace' }),
    })
    connectStreamSource(this.subscription) // it dispatches messages, as an EventSource does
  }

  disconnectedCallback() {
    disconnectStreamSource(this.subscription)
    this.subscription.close()
  }
}

customElements.define('mercure-stream-source', MercureStreamSource)
