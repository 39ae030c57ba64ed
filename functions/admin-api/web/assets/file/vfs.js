/*
 * A file system of one file for SQLite, in a worker: reads pieces of a Blob when they are asked for.
 *
 * What must stay true: nothing is ever written, and the file is not copied: a file of any size opens at once, and only
 * what questions touch is read. Pieces are kept up to a limit; the least recently used are dropped first.
 */

const PIECE_BYTES = 1 << 20;
const MOST_PIECES = 384;

/**
 * Registers the file system.
 * @param {Answer} sqlite3 the initialised module
 * @param {Blob} blob
 * @param {string} name of the file system; any file name in it leads to the blob
 */
export function installFileSystem(sqlite3, blob, name) {
  const { capi, wasm } = sqlite3;
  const reader = new FileReaderSync();
  const pieces = new Map();
  let [newest, newestNumber] = [null, -1];

  const piece = (number) => {
    if (number === newestNumber) return newest;
    let found = pieces.get(number);
    if (found) pieces.delete(number);
    else {
      const at = number * PIECE_BYTES;
      found = new Uint8Array(reader.readAsArrayBuffer(blob.slice(at, at + PIECE_BYTES)));
      if (pieces.size >= MOST_PIECES) pieces.delete(pieces.keys().next().value);
    }
    pieces.set(number, found);
    [newest, newestNumber] = [found, number];
    return found;
  };

  /** Copies bytes into SQLite's memory. @returns {number} how many there were */
  const copy = (to, from, length) => {
    const end = Math.min(from + length, blob.size);
    const heap = wasm.heap8u();
    for (let at = from; at < end;) {
      const number = Math.floor(at / PIECE_BYTES);
      const start = at - number * PIECE_BYTES;
      const part = piece(number).subarray(start, start + end - at);
      heap.set(part, to + at - from);
      at += part.length;
    }
    return Math.max(end - from, 0);
  };

  const done = () => 0;
  const refuse = () => capi.SQLITE_READONLY;
  const methods = new capi.sqlite3_io_methods();
  methods.$iVersion = 1;
  const system = new capi.sqlite3_vfs();
  const usual = new capi.sqlite3_vfs(capi.sqlite3_vfs_find(null));
  system.$iVersion = 2;
  system.$szOsFile = capi.sqlite3_file.structInfo.sizeof;
  system.$mxPathname = 1024;
  // Functions that are not about files come from the default file system.
  for (const member of ['$xRandomness', '$xSleep', '$xCurrentTime', '$xCurrentTimeInt64'])
    system[member] = usual[member];
  usual.dispose();
  sqlite3.vfs.installVfs({
    io: {
      struct: methods,
      methods: {
        xClose: done,
        xRead: (_file, to, length, from) => {
          try {
            const read = copy(Number(to), Number(from), length);
            if (read === length) return 0;
            wasm.heap8u().fill(0, Number(to) + read, Number(to) + length);
            return capi.SQLITE_IOERR_SHORT_READ;
          } catch {
            // The file was changed, moved or deleted since it was chosen.
            return capi.SQLITE_IOERR_READ;
          }
        },
        xWrite: refuse,
        xTruncate: refuse,
        xSync: done,
        xFileSize: (_file, to) => {
          wasm.poke64(to, BigInt(blob.size));
          return 0;
        },
        xLock: done,
        xUnlock: done,
        xCheckReservedLock: (_file, to) => {
          wasm.poke32(to, 0);
          return 0;
        },
        xFileControl: () => capi.SQLITE_NOTFOUND,
        xSectorSize: () => 4096,
        xDeviceCharacteristics: () => capi.SQLITE_IOCAP_IMMUTABLE,
      },
    },
    vfs: {
      struct: system,
      name,
      methods: {
        xOpen: (_self, _path, file, flags, flagsOut) => {
          // Temporary files are in memory, so this is the only file.
          if (!(flags & capi.SQLITE_OPEN_MAIN_DB)) return capi.SQLITE_CANTOPEN;
          const opened = new capi.sqlite3_file(file);
          opened.$pMethods = methods.pointer;
          opened.dispose();
          if (flagsOut) wasm.poke32(flagsOut, capi.SQLITE_OPEN_READONLY);
          return 0;
        },
        xDelete: refuse,
        xAccess: (_self, _path, _flags, out) => {
          wasm.poke32(out, 0);
          return 0;
        },
        xFullPathname: (_self, path, length, out) =>
          wasm.cstrncpy(out, path, length) < length ? 0 : capi.SQLITE_CANTOPEN,
      },
    },
  });
}
