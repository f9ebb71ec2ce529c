/** How far the work on a store is; `done` and `total` in pages or entries. */
export type OnProgress = (what: 'reading' | 'writing', done: number, total: number) => void

/** One check runs in a process, and whoever runs it listens. */
let listener: OnProgress | undefined

export function watchProgress(onProgress: OnProgress | undefined): void {
  listener = onProgress
}

export const reportProgress: OnProgress = (what, done, total) => listener?.(what, done, total)
