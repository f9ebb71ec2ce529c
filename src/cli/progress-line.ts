/** A line of a terminal that is written again and again while something takes long. */
export class ProgressLine {
  #text = ''

  show(what: string, done: number, total: number): void {
    const percent = total === 0 ? 100 : Math.min(100, Math.floor((100 * done) / total))
    const text = `${what} the history: ${percent} %`
    if (text === this.#text) return
    this.#text = text
    process.stderr.write(`\r${text}\x1b[K`)
  }

  clear(): void {
    if (this.#text !== '') process.stderr.write('\r\x1b[K')
    this.#text = ''
  }
}
