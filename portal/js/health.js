/*
 * Why a webhook fails, said once: since when, what its last attempt met, and
 * when the next one is.
 */

import { h } from './dom.js';
import * as api from './api.js';
import { moment } from './format.js';
import { attempt } from './words.js';
import * as live from './live.js';

const MOST = 8;                 // webhooks that are asked about at a time


export function fails(w) {
    return w.enabled && (w.health.failing_since || w.health.breaker !== 'closed');
}


/*
 * A map of those that fail: { short, words, attempt, event, next }.  "known" is
 * the map of before: what has not changed is not asked again.
 */

export async function failing({ path, signal }, hooks, known = new Map()) {
    const bad = hooks.filter(fails).slice(0, MOST);

    const found = await Promise.all(bad.map(async (w) => {
        const before = known.get(w.id);

        if (before && before.failures === w.health.failures) {
            return [w.id, before];
        }

        for (const status of ['pending', 'failed']) {
            const page = await api.get(path('webhook-events'), { signal,
                query: { webhook: w.id, status, limit: 10 } });

            for (const e of page.data.filter((x) => status === 'failed' || x.retries > 0
                                                    || x.waiting_for === 'schedule').slice(0, 2)) {
                const whole = await api.get(path('webhook-events', e.id), { signal });
                const last = whole.attempts.filter((a) => a.error).pop();

                if (last) {
                    return [w.id, { failures: w.health.failures, attempt: last, event: whole,
                                    short: attempt(last)[0], words: attempt(last),
                                    next: whole.next_attempt_at }];
                }
            }
        }

        return null;
    }));

    return new Map(found.filter(Boolean));
}


/* What is said of one, as text: it is said anew when that changes. */

export function gist(w) {
    const { breaker, failures, failing_since, paused_until } = w.health;

    return JSON.stringify([w.id, w.enabled, w.disabled_reason, breaker, failures, failing_since, paused_until]);
}


export function pausedUntil(w) {
    return w.health.paused_until && Date.parse(w.health.paused_until) > Date.now()
           ? [', next try in ', live.until(w.health.paused_until, '', 'a moment')] : null;
}


/* "Failing since 12:04: no connection. Next try in 3 min." */

export function sentence(w, fault) {
    const next = fault?.next && Date.parse(fault.next) > Date.now() ? fault.next : null;
    const paused = w.health.paused_until;
    const to = paused && Date.parse(paused) > Date.now() ? paused : next;

    return [h('strong', null, w.health.failing_since
              ? `Failing since ${moment(w.health.failing_since)}` : 'Failing'),
            fault ? `: ${fault.short[0].toLowerCase()}${fault.short.slice(1)}. ` : '. ',
            fault?.words[1] ? `${fault.words[1]} ` : null,
            to ? ['Next try in ', live.until(to, '', 'a moment'), '.'] : null];
}
