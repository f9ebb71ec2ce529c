/** What an operator should know when Redis refuses; the first that fits. */
const problems: readonly (readonly [pattern: RegExp, problem: string, isFinal?: 'final'])[] = [
  [/WRONGPASS|invalid username-password|invalid password/, 'user or password is wrong', 'final'],
  [/NOAUTH|Authentication required/, 'it wants a password, and the URL has none', 'final'],
  [/NOPERM/, 'its user may not run the commands or use the keys that the hub needs', 'final'],
  [/WRONGTYPE/, 'a key of the history holds something else', 'final'],
  [/DB index is out of range|invalid DB index/, 'it has no database of that number', 'final'],
  [/FORMAT/, 'the history there was written by another version of the hub', 'final'],
  [/VERSION/, 'it is too old: Redis 7, Valkey 7.2 or later is needed', 'final'],
  [/WAITAOF is not/, 'wait=aof needs Redis 7.2, Valkey 7.2 or later', 'final'],
  [/WAITAOF cannot/, 'wait=aof needs appendonly yes', 'final'],
  [/unknown command/i, 'it lacks a command that the hub needs', 'final'],
  [/OOM/, 'it has no memory left (maxmemory)'],
  [/READONLY/, 'it is a replica, which takes no updates'],
  [/NOREPLICAS/, 'it has fewer replicas than it wants (min-replicas-to-write)'],
  [/MISCONF/, 'it cannot write its own file'],
  [/LOADING/, 'it is loading its history'],
  [/BUSY/, 'a script of somebody else keeps it busy'],
  [/ECONNREFUSED/, 'nothing listens there'],
  [/ENOTFOUND|EAI_AGAIN/, 'its name cannot be resolved'],
  [/certificate|CERT|SSL|TLS|wrong version number/i, 'TLS with it fails'],
]

/** Why Redis cannot be used, in a sentence without secrets. */
export function redisProblem(error: Error): string {
  const message = messageOf(error)
  const found = problems.find(([pattern]) => pattern.test(message))
  return found === undefined ? message : `${found[1]} (${message})`
}

/** Whether waiting does not help: somebody has to change something. */
export function isFinal(error: Error): boolean {
  const message = messageOf(error)
  return problems.find(([pattern]) => pattern.test(message))?.[2] === 'final'
}

/** With several addresses Node throws them together, without a message. */
function messageOf(error: Error): string {
  if (error.message !== '' && error.message !== 'unreachable') return error.message
  const { code, cause } = error as NodeJS.ErrnoException
  return code ?? (cause instanceof Error ? messageOf(cause) : error.name)
}
