/**
 * Opens files: which of them can be shown, and the files of dropped folders.
 *
 *   const files = await droppedFiles(event.dataTransfer);       with the files of folders, in the order of their names
 *   const kind = fileKind(file);                                "image", "video", or null
 *
 * A file of a folder has its path inside the folder as `file.path`.
 */

const VIDEO_NAME = /\.(mp4|m4v|mov|mkv|webm|avi)$/i;
const IMAGE_NAME = /\.(jpe?g|png|webp|bmp|gif|avif)$/i;

export function fileKind(file) {
  if (file.type.startsWith("image/") || IMAGE_NAME.test(file.name)) return "image";
  return file.type.startsWith("video/") || VIDEO_NAME.test(file.name) ? "video" : null;
}

export const fileName = (file) => file.path ?? (file.webkitRelativePath || file.name);

export async function droppedFiles(transfer) {
  // Entries must be taken before the first wait, after which the browser forgets them.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = await Promise.all(entries.map((entry) => readEntry(entry, "")));
  return files.flat();
}

// Returns the images and videos of a folder, as folders contain other files as well; a single file is returned as it is.
export const knownFiles = (files) => files.filter((file) => fileKind(file) && !file.name.startsWith("."));

async function readEntry(entry, folder) {
  const path = `${folder}${entry.name}`;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    if (folder) file.path = path;
    return folder ? knownFiles([file]) : [file];
  }
  const reader = entry.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break; // it returns about 100 at a time
    entries.push(...some);
  }
  entries.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const files = await Promise.all(entries.map((child) => readEntry(child, `${path}/`)));
  return files.flat();
}
