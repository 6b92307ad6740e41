/*
 * Screens by the fragment of the address: "#/webhooks/wh_1?range=7d".  A screen
 * is a function of its parameters and of a visit; the visit ends with the
 * screen and takes its requests and timers with it.
 */

const routes = [];

let current = null;
let shown = null;


export function route(pattern, screen) {
    routes.push({ parts: pattern.split('/').filter(Boolean), screen });
}


export function where() {
    const [path, query] = location.hash.replace(/^#\/?/, '').split('?');

    return { path: '/' + path, parts: path.split('/').filter(Boolean).map(decode),
             query: new URLSearchParams(query || '') };
}


function decode(part) {
    try {
        return decodeURIComponent(part);
    } catch (e) {
        return part;
    }
}


export function go(path) {
    if (location.hash === '#' + path) {
        run();
    } else {
        location.hash = path;
    }
}


/* Another query of the same screen, without drawing it anew. */

export function note(query) {
    const { path } = where();
    const text = query.toString();

    history.replaceState(null, '', '#' + path + (text ? '?' + text : ''));
}


class Visit {

    constructor() {
        this.controller = new AbortController();
        this.signal = this.controller.signal;
        this.timers = new Set();
    }

    /* Calls f again and again, "ms" after it has ended, while the page is seen. */
    every(ms, f) {
        let timer;

        const turn = async () => {
            if (!document.hidden) {
                try {
                    await f();
                } catch (e) {
                    if (e.name !== 'AbortError' && !e.status && e.status !== 0) {
                        throw e;
                    }
                }
            }

            if (!this.signal.aborted && this.timers.has(stop)) {
                timer = setTimeout(turn, ms);
            }
        };

        const stop = () => {
            clearTimeout(timer);
            this.timers.delete(stop);
        };

        this.timers.add(stop);
        timer = setTimeout(turn, ms);

        return stop;
    }

    end() {
        this.controller.abort();
        this.timers.forEach((stop) => stop());
    }
}


function match(parts) {
    for (const r of routes) {
        const args = [];

        if (r.parts.length === parts.length
            && r.parts.every((p, i) => p === parts[i] || (p === '*' && args.push(parts[i]))))
        {
            return { screen: r.screen, args };
        }
    }

    return null;
}


let around = (f) => f();

export function start(wrap) {
    around = wrap;
    addEventListener('hashchange', run);
    run();
}


export function run() {
    const { parts, query, path } = where();
    const found = match(parts);

    current?.end();
    current = new Visit();

    const before = shown;

    shown = path;
    around(found, query, current, before !== null && before !== path);
}
