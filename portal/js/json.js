/*
 * JSON as text.  Payloads are shown as they were ingested: numbers keep all
 * their digits and members their order, which JSON.parse() would change.
 */

import { h } from './dom.js';

// space, string, number or word, or a mark
const TOKEN = /\s+|"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[a-z]+|[{}[\]:,]/y;

const MOST = 60000;            // characters that are coloured


function* tokens(text, at = 0) {
    TOKEN.lastIndex = at;

    while (TOKEN.lastIndex < text.length) {
        const start = TOKEN.lastIndex;
        const m = TOKEN.exec(text);

        if (m === null) {
            throw new SyntaxError('not JSON');
        }

        if (!/^\s/.test(m[0])) {
            yield { text: m[0], start, end: TOKEN.lastIndex };
        }

        TOKEN.lastIndex = start + m[0].length;
    }
}


/* The text of a member of the object that "text" is; null if it has none. */

export function member(text, name) {
    let depth = 0, key = null, begin = -1, before = null;

    for (const t of tokens(text)) {
        if (begin >= 0 && depth === 1 && (t.text === ',' || t.text === '}')) {
            return text.slice(begin, before.end);
        }

        if (depth === 1 && begin < 0 && t.text === ':' && key === name) {
            begin = t.end;
        }

        if (t.text === '{' || t.text === '[') {
            depth++;
        } else if (t.text === '}' || t.text === ']') {
            depth--;
        } else if (depth === 1 && t.text[0] === '"' && (before.text === '{' || before.text === ',')) {
            key = JSON.parse(t.text);
        }

        before = t;
    }

    return null;
}


/* Indented; the text as it is where it is no JSON. */

function pretty(text) {
    try {
        JSON.parse(text);
        return lay(text).map((p) => p.text).join('');
    } catch (e) {
        return text;
    }
}


function lay(text) {
    const out = [];
    let depth = 0, before = null;
    const list = [...tokens(text)];
    const line = () => out.push({ text: '\n' + '  '.repeat(depth) });

    list.forEach((t, i) => {
        const next = list[i + 1]?.text;

        if (t.text === '}' || t.text === ']') {
            depth--;
            if (before !== '{' && before !== '[') {
                line();
            }
        }

        out.push({ text: t.text === ':' ? ': ' : t.text, kind: kind(t.text, next) });

        if (t.text === '{' || t.text === '[') {
            depth++;
            if (next !== '}' && next !== ']') {
                line();
            }
        } else if (t.text === ',') {
            line();
        }

        before = t.text;
    });

    return out;
}


function kind(text, next) {
    return text[0] === '"' ? (next === ':' ? 'key' : 'string')
         : /[-\d]/.test(text[0]) ? 'number'
         : /[a-z]/.test(text[0]) ? 'word' : null;
}


/* The parts of a <pre>: coloured where it is JSON of some length. */

export function coloured(text) {
    if (text.length > MOST) {
        return pretty(text);
    }

    try {
        JSON.parse(text);
        return lay(text).map((p) => p.kind ? h('span', { class: `j-${p.kind}` }, p.text) : p.text);
    } catch (e) {
        return text;
    }
}
