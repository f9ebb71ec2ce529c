// Imported before all else in a worker: signals are the primary's business, and a terminal and systemd
// send them to every process.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
