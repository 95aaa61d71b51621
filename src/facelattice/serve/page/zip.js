// A ZIP of files as they are, for a download of several: browsers refuse, or ask about, one download after another.

// files: [name, Blob] each. Pictures are packed already, so nothing is made smaller.
export async function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, blob] of files) {
    const title = new TextEncoder().encode(name);
    const data = new Uint8Array(await blob.arrayBuffer());
    // The fields that both headers share: version 2.0, names in UTF-8, stored, 1 January 1980, check sum, sizes, name.
    const shared = numbers([20, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [crc32(data), 4], [data.length, 4], [data.length, 4], [title.length, 2], [0, 2]);
    parts.push(numbers([0x04034b50, 4]), shared, title, data);
    directory.push(numbers([0x02014b50, 4], [20, 2]), shared, numbers([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), title);
    offset += 30 + title.length + data.length;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = numbers([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [length, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

// [value, bytes] each, the lowest byte first.
function numbers(...fields) {
  return new Uint8Array(fields.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255)));
}

function crc32(data) {
  let sum = ~0;
  for (const byte of data) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}
