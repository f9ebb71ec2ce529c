export { ResumingFeed as SharedFeed } from './resuming-feed.ts'
