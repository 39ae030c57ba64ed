/** What the page's modules share as types alone; nothing of it is served. */

/** Only workers have it; the other types are a page's. */
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
declare var sqlite3ApiConfig: object;

/** A part of what the API answers. Its members stand in openapi.yaml, and are not written down here again. */
type Answer = any;

/** An annotation: `to` is the day after its last. */
interface Note {
  id: string;
  from: string;
  to: string;
  text: string;
  writtenAt: string;
}

/** Parameters of a question, by name; null and '' are left out. */
type Asked = Record<string, any> | URLSearchParams | null | undefined;

interface AskOptions {
  signal?: AbortSignal;
  /** Is given what of the answer is there already, where the rest takes longer. */
  onPart?: (part: Answer) => void;
}

/** What views ask: the server, or an opened file, which refuses `send`. */
interface Source {
  /** The opened file; a server has none. */
  file?: object;
  get(operation: string, parameters?: Asked, options?: AskOptions): Promise<Answer>;
  /** The parameters that an operation takes there; null for all that the page knows. */
  parametersOf(operation: string): Promise<string[] | null>;
  getWithEtag(
    operation: string,
    parameters?: Asked,
    options?: AskOptions,
  ): Promise<{ body: Answer; etag: string | null }>;
  send(
    operation: string,
    parameters?: Asked,
    body?: unknown,
    options?: { ifMatch?: string | null; signal?: AbortSignal },
  ): Promise<{ status: number; body: Answer; etag: string | null }>;
}

/** A file to open: chosen or dropped, or behind a link. */
type FileSource = { file?: File; url?: string; name?: string; sizeBytes?: number };

/** What a view is given to show itself. */
interface ViewContext {
  root: HTMLElement;
  /** Of the address. */
  parameters: URLSearchParams;
  /** The segments of the address behind the view's own. */
  rest: string[];
  api: Source;
  /** What an opened file says of itself; null of a server. */
  file: Answer | null;
  openFile: (source: FileSource) => void;
  tenant: Answer;
  navigate: (path: string, parameters?: Asked, options?: { replace?: boolean }) => void;
  /** Aborted when the view is left. */
  signal: AbortSignal;
  /** Says a text to whoever reads by ear. */
  announce: (text: string) => void;
  /** Whether this sign-in may change anything. */
  canSend: boolean;
  /** Whether the view is shown anew, and not asked again over its element. */
  isNew: boolean;
  /** Shows the sign-in, after the view has ended the session. */
  signedOut: (reason: string) => void;
}

/** The list of the page's words. */
type Sentences = typeof import('../assets/words/en.js').sentences;
type Key = keyof Sentences;
/** A sentence's text; of one that differs by a count, all its forms. */
type Form<K extends Key> = Sentences[K] extends string ? Sentences[K] : Sentences[K][keyof Sentences[K]];
/** What stands between braces in a text. */
type Named<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Named<Rest> : never;
/** What `say` is given besides the key: nothing, or a value for each name. */
type Values<K extends Key, V> = [Named<Form<K>>] extends [never] ? [] : [values: Record<Named<Form<K>>, V>];
