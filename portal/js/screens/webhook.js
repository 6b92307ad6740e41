/*
 * A webhook's overview: what happened, in charts.
 */

import { h, replace } from '../dom.js';
import * as api from '../api.js';
import { note } from '../router.js';
import { notice, segmented, skeleton } from '../ui.js';
import { bars, lines, ranks } from '../charts.js';
import { clock, compact, count, date, full, moment, ms, percent, shortMs, utcDate } from '../format.js';
import { webhookPage } from './webhook-head.js';

const MINUTE = 60000, HOUR = 3600000, DAY = 86400000;

// the API's buckets, how many of them there are, the one that goes on with
// them, and how many of them a bar takes
const ranges = {
    '1h': { name: '1 h', bucket: '1m', size: MINUTE, n: 60, join: 1, tick: (d) => d.getMinutes() % 10 === 0 },
    '24h': { name: '24 h', bucket: '1h', size: HOUR, n: 24, join: 1, tick: (d) => d.getHours() % 4 === 0 },
    '7d': { name: '7 d', bucket: '1h', size: HOUR, n: 168, join: 4, tick: (d) => d.getHours() < 1 },
    '30d': { name: '30 d', bucket: '1d', size: DAY, n: 30, join: 1, tick: (d) => d.getUTCDate() % 5 === 1 },
};


function begins(range) {
    return new Date((Math.floor(Date.now() / range.size) - range.n + 1) * range.size).toISOString();
}


/* The API's days are those of UTC: named so, whatever day it is here. */

function named(range, iso) {
    const tick = range.tick(new Date(iso));

    return range.size === DAY ? { label: utcDate(iso), title: `${utcDate(iso)} (UTC)`, tick }
           : { label: range.join > 1 ? date(iso) : clock(iso), title: full(iso), tick };
}


/* Attempts by what came of them: the last of an event that failed is "given up". */

function outcomes(range, buckets) {
    const rows = [];

    buckets.forEach((b, i) => {
        const failed = Math.min(b.failed, b.attempts - b.delivered);

        if (i % range.join === 0) {
            rows.push({ ...named(range, b.start), delivered: 0, again: 0, failed: 0 });
        }

        const row = rows[rows.length - 1];

        if (range.tick(new Date(b.start))) {
            row.tick = true;            // the day that begins in it, not that of its first hour
            row.label = named(range, b.start).label;
        }

        row.delivered += b.delivered;
        row.failed += failed;
        row.again += b.attempts - b.delivered - failed;
    });

    return rows;
}


/* The list of events from when the figures count on. */

function list(s, id, more) {
    return `#/events?${new URLSearchParams({ webhook: id, since: s.since, ...more })}`;
}


function figures(s, id) {
    const t = s.total;
    const tile = (name, value, sub, kind, href) => h('div.tile', null, h('dt', null, name),
        h('dd', { class: kind }, href ? h('a', { href }, value) : value, ' ', h('span.quiet', null, sub)));
    const rate = t.success_rate;

    return h('dl.tiles', null,
        tile('Success rate', percent(rate), 'of all attempts',
             rate === null ? null : rate < 0.5 ? 'bad' : rate < 0.95 ? 'warn' : 'good'),
        tile('Events', compact(t.webhook_events), `${compact(t.attempts)} attempts`, null,
             t.webhook_events > 0 ? list(s, id) : null),
        tile('Failed', compact(t.failed), 'given up', t.failed > 0 ? 'bad' : null,
             t.failed > 0 ? list(s, id, { status: 'failed' }) : null),
        tile('Latency', ms(t.latency_ms?.p50 ?? null), t.latency_ms && `median, p95 ${ms(t.latency_ms.p95)}`));
}


function code(row) {
    const c = row.status_code;

    return { name: c === null ? 'no answer' : String(c), n: row.attempts,
             kind: c === null ? 'none-answered' : c < 300 ? 'good' : c < 500 ? 'warn' : 'bad' };
}


function charts(range, s, id) {
    const out = outcomes(range, s.buckets);
    const late = s.buckets.map((b) => ({ ...named(range, b.start), ...b.latency_ms }));
    const of = (name) => (r) => r[name] ?? null;

    return [
        figures(s, id),
        h('div.charts', null,
            bars({ title: 'Attempts by outcome', rows: out,
                summary: `${count(s.total.delivered)} of ${count(s.total.attempts)} attempts delivered`,
                series: [{ name: 'delivered', kind: 'good', of: of('delivered') },
                         { name: 'to be tried again', kind: 'warn', of: of('again') },
                         { name: 'given up', kind: 'bad', of: of('failed') }] }),
            lines({ title: 'Latency', rows: late, format: ms, axis: shortMs,
                summary: s.total.latency_ms ? `half of the attempts within ${ms(s.total.latency_ms.p50)}, `
                    + `99 of 100 within ${ms(s.total.latency_ms.p99)}` : 'no attempts',
                series: [{ name: 'p50', kind: 'p50', of: of('p50') }, { name: 'p95', kind: 'p95', of: of('p95') },
                         { name: 'p99', kind: 'p99', of: of('p99') }] }),
            ranks('By status code', [...s.by_status].sort((a, b) => b.attempts - a.attempts).map(code),
                  'Nothing was sent in this time.'),
            ranks('By event', s.by_event.filter((e) => e.attempts || e.webhook_events).map((e) => ({
                name: e.event ?? 'all others', n: e.webhook_events,
                more: e.success_rate === null ? '' : ` ${percent(e.success_rate)}`,
                href: e.event && e.webhook_events > 0 ? list(s, id, { event: e.event }) : null,
            })), 'Nothing was sent in this time.')),
        s.total.attempts === 0 && h('p.quiet.center', null,
            'Nothing was sent in this time. Send a test event to see how it works.'),
    ];
}


export function overview(context, id) {
    return webhookPage(context, id, 'overview', async () => {
        let chosen = ranges[context.query.get('range')] ? context.query.get('range') : '24h';
        const box = h('div');
        const from = h('span.quiet');

        const load = async () => {
            const range = ranges[chosen];
            const s = await api.get(context.path('stats'), { signal: context.signal, query: {
                webhook: id, bucket: range.bucket, since: begins(range) } });

            if (ranges[chosen] === range) {
                const open = new Set([...box.querySelectorAll('details[open]')].map((d) => d.dataset.of));

                replace(from, 'since ', h('time', { datetime: s.since, title: full(s.since) }, moment(s.since)));
                replace(box, s.complete === false && notice('warn', h('p', null,
                    `The figures are being counted anew; they are complete up to ${s.complete_until
                        ? full(s.complete_until) : 'the beginning'} so far.`)), charts(range, s, id));
                box.querySelectorAll('details').forEach((d) => { d.open = open.has(d.dataset.of); });
            }
        };

        await load();
        context.visit.every(15000, () => box.matches(':hover') || box.contains(document.activeElement)
                                         ? null : load());

        return [h('div.section-head', null, h('h2', null, 'Deliveries ', from),
            segmented('Range of time', Object.fromEntries(Object.entries(ranges).map(([k, r]) => [k, r.name])),
                chosen, (v) => {
                    chosen = v;
                    note(new URLSearchParams({ range: v }));
                    replace(from);
                    replace(box, skeleton(6));
                    load().catch((e) => {
                        if (e.name !== 'AbortError') {
                            replace(box, notice('bad', h('p', null, e.message)));
                        }
                    });
                })), box];
    });
}
