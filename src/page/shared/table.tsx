import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  /** Numbers stand right. */
  readonly isNumber?: boolean
  /** Long values are cut; the whole one is in the title. */
  readonly cut?: (row: Row) => string
  /** Read out, not shown: a column of buttons. */
  readonly isSilent?: boolean
  /** Present when the table can be sorted by this column; true when it is. */
  readonly isSorted?: boolean
  readonly onSort?: () => void
}

/**
 * A table that becomes cards below 900 px. The first column names the row.
 *
 * @param after what stands below a row, over all columns: a question, details
 */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
  classOf,
  after,
  empty,
}: {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly classOf?: (row: Row) => string
  readonly after?: (row: Row) => ComponentChildren
  readonly empty: string
}) {
  if (rows.length === 0) return <p class="empty">{empty}</p>
  return (
    <table class="cards">
      <caption class="sr">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <Heading key={column.title} column={column} />
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const below = after?.(row)
          return (
            <>
              <tr key={keyOf(row)} class={classOf?.(row)}>
                {columns.map((column, index) => cellOf(column, row, index === 0))}
              </tr>
              {below !== undefined && (
                <tr key={`${keyOf(row)} below`} class="confirm">
                  <td colSpan={columns.length}>{below}</td>
                </tr>
              )}
            </>
          )
        })}
      </tbody>
    </table>
  )
}

function Heading<Row>({ column }: { readonly column: Column<Row> }) {
  const { title, isNumber, isSilent, isSorted, onSort } = column
  return (
    <th scope="col" class={isNumber ? 'num' : ''} aria-sort={isSorted ? 'descending' : undefined}>
      {onSort === undefined ? (
        <span class={isSilent ? 'sr' : ''}>{title}</span>
      ) : (
        <button type="button" onClick={onSort}>
          {isSorted ? `${title} ↓` : title}
        </button>
      )}
    </th>
  )
}

function cellOf<Row>(column: Column<Row>, row: Row, isFirst: boolean) {
  const { title, cell, isNumber, cut, isSilent } = column
  const classes = `${isNumber || isSilent ? 'num' : ''} ${cut && !isFirst ? 'cell' : ''}`
  const whole = cut?.(row)
  if (isFirst)
    return (
      <th key={title} scope="row" class={cut ? 'cell' : ''} title={whole}>
        {cell(row)}
      </th>
    )
  return (
    <td key={title} class={classes} data-k={isSilent ? '' : title} title={whole}>
      {cell(row)}
    </td>
  )
}
