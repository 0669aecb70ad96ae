// What a page knows of its site, from the file that `opecom pages export --browser` writes: which page an address is,
// what its statistics are, what day and hour it is there. The same as ingest/parsing/paths.py and stream/fold/.

const FORMAT = 1, MAX_PATH = 500, DAY = 86_400_000, CUT_HOUR = 4, FADES_WITHIN_DAYS = 5;

/** The site of a file; without one it is in UTC, and none of its pages has statistics. Throws for another format. */
export function siteOf(file = { format: FORMAT }) {
  const {
    format, timezone = 'UTC', peaks = [], path_rules: rules = [], allowed_query: allowed = [], pages = {},
    patterns = [],
  } = file;
  if (format !== FORMAT) {
    throw new Error(`op-ecom: page statistics of format ${format}, not ${FORMAT}: export them again`);
  }
  const calendar = calendarOf(timezone, peaks.map(dayNumber));
  // Longest first: the first that fits is the one.
  const kinds = [...rules].sort(([one], [other]) => other.length - one.length);
  const shared = patterns.map((text) => [text, new RegExp(`^${text.split('*').map(escaped).join('.*')}$`, 's')]);
  const rows = new Map(Object.entries(pages));

  const ratesOf = (path) => {
    const [pattern] = shared.find(([text, fits]) => rows.has(text) && fits.test(path)) ?? [];
    return rows.get(path) ?? rows.get(pattern) ?? rows.get('*') ?? null;
  };
  return {
    ...calendar,
    /** `{ path, type, rates }` of an address: rates are [bounce, exit, value], null where the site has none. */
    page(url, given) {
      const { path, query } = partsOf(url), plain = normalPath(path);
      const kept = clipped(plain + queryOf(query, allowed));
      const type = given ?? kinds.find(([prefix]) => plain.startsWith(prefix))?.[1];
      return { path: kept, type, rates: ratesOf(kept) };
    },
  };
}

const escaped = (text) => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
const dayNumber = (date) => Date.parse(date) / DAY;

function calendarOf(timeZone, peaks) {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric',
  });
  const local = (at) => {
    const parts = format.formatToParts(at).map(({ type, value }) => [type, Number(value)]);
    const { year, month, day, hour } = Object.fromEntries(parts);
    return { month, hour, number: Date.UTC(year, month - 1, day) / DAY };
  };
  return {
    day(at) {
      const { month, hour, number } = local(at);
      const nearest = Math.min(FADES_WITHIN_DAYS, ...peaks.map((peak) => Math.abs(number - peak)));
      // Day 0 was a Thursday.
      const weekend = (number + 4) % 7 % 6 === 0;
      return { specialDay: (FADES_WITHIN_DAYS - nearest) / FADES_WITHIN_DAYS, month, weekend, hour };
    },
    /** The local day to which the time belongs, as a number: one begins at four. */
    cut(at) {
      const { hour, number } = local(at);
      return hour >= CUT_HOUR ? number : number - 1;
    },
  };
}

function partsOf(url) {
  // A page names itself with its scheme, or from the path on.
  const whole = /^(?:[a-z][a-z\d+.-]*:\/\/[^/?#]*)?([^?#]*)(?:\?([^#]*))?/i;
  const [, path, query = ''] = whole.exec(url.replace(/^\/+/, '/'));
  return { path, query };
}

function queryOf(query, allowed) {
  const kept = [...new URLSearchParams(query)].filter(([name, value]) => value && allowed.includes(name));
  // As Python spells it.
  const text = new URLSearchParams(kept).toString().replace(/%7E/g, '~').replace(/\*/g, '%2A');
  return text && '?' + text;
}

// No character that is of the categories Other and Separator can stand in a path.
const isPrintable = (character) => !/^[\p{C}\p{Z}]$/u.test(character);
const hex = (byte) => '%' + byte.toString(16).toUpperCase().padStart(2, '0');
const encoded = (character) => Array.from(new TextEncoder().encode(character), hex).join('');
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Percent-encoded bytes as characters, where a path may have them as they are; else in upper case. */
function decoded(run) {
  const bytes = Uint8Array.from(run.slice(1).split('%'), (byte) => parseInt(byte, 16));
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at] < 0x80 ? 1 : bytes[at] < 0xe0 ? 2 : bytes[at] < 0xf0 ? 3 : 4;
    let character = '';
    try { character = utf8.decode(bytes.subarray(at, at + length)); } catch {}
    const isOwn = /^[\w.~-]$/.test(character) || character > '\x7f' && isPrintable(character);
    if (character) text += isOwn ? character : encoded(character);
    else text += hex(bytes[at]);
    at += character ? length : 1;
  }
  return text;
}

const SESSION_PARAMETER = new RegExp(
  '(?:;|%3B)(?:j?session_?id|phpsessid|php_?sess(?:ion)?|aspsessionid\\w*|sess(?:ion)?|sid|cfid|cftoken|'
  + '(?:access_?|auth_?|session_?)?token)(?:=|%3D)(?:(?!%3B)[^/;])*', 'gi');

/** The one spelling of a path. */
export function normalPath(path) {
  const text = path.replace(/%(?![\da-f]{2})/gi, '%25').replace(/(?:%[\da-f]{2})+/gi, decoded).normalize('NFC')
    .replace(/[\x00-\x20"<>\\^`{|}\x7f]/g, encoded).replace(/[\p{C}\p{Z}]/gu, encoded)
    .replace(SESSION_PARAMETER, '').replace(/\/\((?:[A-Z]\([^()/]*\))+\)(?=\/|$)/g, '');
  const rooted = ('/' + text).replace(/\/\/+/g, '/');
  return rooted.includes('/.') ? withoutDots(rooted.slice(1).split('/')) : rooted;
}

function withoutDots(segments) {
  const kept = [];
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  if (/^\.\.?$/.test(segments[segments.length - 1])) kept.push('');
  return '/' + kept.join('/');
}

function clipped(text) {
  const characters = [...text];
  return characters.length > MAX_PATH ? characters.slice(0, MAX_PATH).join('').replace(/%[\dA-F]?$/, '') : text;
}

const OTHER = new RegExp(
  'tv\\b|apple ?tv|netcast|web0s|tizen|\\broku\\b|bravia|crkey|playstation|xbox|nintendo|automotive|'
  + 'tesla/|qtcarbrowser|\\bwatch ?(?:os\\b|\\d|;)|oculusbrowser', 'i');

/** The class of a device by its user agent, as ingest/parsing/agents.py tells it; undefined where nothing is known. */
export function deviceOf(userAgent) {
  const text = userAgent.slice(0, 512);
  if (OTHER.test(text) || /\bAFT[A-Z]/.test(text)) return 'other';
  if (/iPad|PlayBook|Tablet(?! PC)/.test(text)) return 'tablet';
  if (/Mobi|Phone|iPod|Opera Mini/.test(text)) return 'mobile';
  if (/Android/.test(text)) return 'tablet';
  return /Windows|Macintosh|Linux|X11|CrOS/.test(text) ? 'desktop' : undefined;
}

// As a part of tracker.js.
export default () => ({ siteOf, normalPath, deviceOf });
