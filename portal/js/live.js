/*
 * Times that pass: "3 min ago" and countdowns, set anew each second.  What they
 * stand in may be read out when it changes: they say that they are not.
 */

import { h } from './dom.js';
import { ago, duration, full } from './format.js';


function text(element) {
    const at = element.dataset;

    if (at.until) {
        const left = Date.parse(at.until) - Date.now();
        return left > 0 ? `${at.before || ''}${duration(left)}` : at.due || 'now';
    }

    return ago(at.since);
}


export function tick() {
    for (const element of document.querySelectorAll('[data-until],[data-since]')) {
        const now = text(element);

        if (element.textContent !== now) {
            element.textContent = now;
        }
    }
}


export function start() {
    setInterval(tick, 1000);
}


/* "3 min ago", with the whole time as its title. */

export function since(iso) {
    const element = h('time', { datetime: iso, title: full(iso), 'aria-live': 'off', dataset: { since: iso } });

    element.textContent = text(element);
    return element;
}


/* "3 min 12 s" to a time to come, then "now". */

export function until(iso, before, due) {
    const element = h('time.count', { datetime: iso, title: full(iso), 'aria-live': 'off',
        dataset: { until: iso, before: before || '', due: due || 'now' } });

    element.textContent = text(element);
    return element;
}
