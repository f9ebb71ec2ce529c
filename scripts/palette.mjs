// Makes a screenshot small: a PNG of 8-bit RGB becomes one with a palette of its most frequent colours that
// differ, and every other colour (the edges of letters) the nearest of them. A third of the bytes.
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const channels = 3
const mostColours = 128
/** Squared: shades of the same grey must not take the room of a dot's colour. */
const apart = 10 ** 2

/** @param {Buffer} png as browsers write it: 8-bit RGB, not interlaced */
export function withPalette(png) {
  const { width, height, pixels } = decode(png)
  const { palette, indexOf } = paletteOf(pixels)
  const rows = Buffer.alloc((width + 1) * height) // each begins with its filter: none
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += channels)
      rows[y * (width + 1) + 1 + x] = indexOf(pixels.readUIntBE(at, channels))
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0])
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('PLTE', palette),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function decode(png) {
  const parts = new Map()
  for (let at = signature.length; at < png.length;) {
    const length = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    parts.set(type, [...(parts.get(type) ?? []), png.subarray(at + 8, at + 8 + length)])
    at += 12 + length
  }
  const [header] = parts.get('IHDR')
  if (header[8] !== 8 || header[9] !== 2 || header[12] !== 0)
    throw new Error('expected a PNG of 8-bit RGB that is not interlaced')
  const width = header.readUInt32BE(0)
  const height = header.readUInt32BE(4)
  return { width, height, pixels: unfiltered(inflateSync(Buffer.concat(parts.get('IDAT'))), width) }
}

/** Undoes the filters of the PNG specification, § 9.2. */
function unfiltered(rows, width) {
  const stride = width * channels
  const height = rows.length / (stride + 1)
  const pixels = Buffer.alloc(stride * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x
      const left = x < channels ? 0 : pixels[at - channels]
      const up = y === 0 ? 0 : pixels[at - stride]
      const corner = x < channels || y === 0 ? 0 : pixels[at - stride - channels]
      const guesses = [0, left, up, (left + up) >> 1, paeth(left, up, corner)]
      pixels[at] = rows[y * (stride + 1) + 1 + x] + guesses[rows[y * (stride + 1)]]
    }
  return pixels
}

function paeth(left, up, corner) {
  const [toLeft, toUp] = [Math.abs(up - corner), Math.abs(left - corner)]
  const toCorner = Math.abs(left + up - 2 * corner)
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

function paletteOf(pixels) {
  const counts = new Map()
  for (let at = 0; at < pixels.length; at += channels) {
    const colour = pixels.readUIntBE(at, channels)
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  const kept = []
  for (const [colour] of [...counts].sort(([, a], [, b]) => b - a))
    if (kept.length < mostColours && kept.every((one) => distance(one, colour) >= apart))
      kept.push(colour)
  const indexes = new Map(kept.map((colour, index) => [colour, index]))
  const palette = Buffer.alloc(kept.length * channels)
  for (const [index, colour] of kept.entries())
    palette.writeUIntBE(colour, index * channels, channels)
  return {
    palette,
    indexOf: (colour) => {
      const known = indexes.get(colour)
      if (known !== undefined) return known
      const distances = kept.map((one) => distance(one, colour))
      const nearest = distances.indexOf(Math.min(...distances))
      indexes.set(colour, nearest)
      return nearest
    },
  }
}

function distance(a, b) {
  const [red, green, blue] = [16, 8, 0].map((bits) => ((a >> bits) & 255) - ((b >> bits) & 255))
  return red * red + green * green + blue * blue
}

function chunk(type, content) {
  const body = Buffer.concat([Buffer.from(type), content])
  const whole = Buffer.alloc(body.length + 8)
  whole.writeUInt32BE(content.length, 0)
  body.copy(whole, 4)
  whole.writeUInt32BE(crc32(body), body.length + 4)
  return whole
}
