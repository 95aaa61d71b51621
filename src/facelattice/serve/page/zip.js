/**
 * Writes a ZIP file without compression: browsers block or question several downloads in a row.
 *
 *   const blob = await zip([["a.json", new Blob([text])], ["crops/a_0.png", blob]]);
 */

export async function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, blob] of files) {
    const encodedName = new TextEncoder().encode(name);
    const data = new Uint8Array(await blob.arrayBuffer());
    // Fields that both headers share: version 2.0, names in UTF-8, no compression, 1 January 1980, CRC, sizes, name length.
    const shared = numbers([20, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [crc32(data), 4], [data.length, 4], [data.length, 4], [encodedName.length, 2], [0, 2]);
    parts.push(numbers([0x04034b50, 4]), shared, encodedName, data);
    directory.push(numbers([0x02014b50, 4], [20, 2]), shared, numbers([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), encodedName);
    offset += 30 + encodedName.length + data.length;
  }
  const directorySize = directory.reduce((total, part) => total + part.length, 0);
  const end = numbers([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [directorySize, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

// Encodes each [value, number of bytes] with the lowest byte first.
function numbers(...fields) {
  return new Uint8Array(fields.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255)));
}

function crc32(data) {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
