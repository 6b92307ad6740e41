/*
 * Charts as plain SVG: stacked bars, lines, bars with names, sparklines.  Each
 * is drawn for the width that it has, is an image with a summary for screen
 * readers, and has its figures in a table beside it.
 */

import { h, s, replace, data } from './dom.js';
import { compact } from './format.js';

const HEIGHT = 200;
const RANKS = 8;                // names that are shown at once
const LEFT = 44, RIGHT = 8, TOP = 10, BOTTOM = 24;


/* The steps of an axis: 1, 2 or 5 times a power of ten. */

function steps(most) {
    const raw = Math.max(most, 1e-9) / 4;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw);
    const top = Math.max(Math.ceil(most / step), 1) * step;

    return Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
}


/* Which rows have their time below them: round ones, and not too many. */

function marks(rows, most) {
    const round = rows.map((r, i) => i).filter((i) => rows[i].tick !== false);
    const every = Math.ceil(round.length / most);

    return round.filter((_, i) => i % every === 0);
}


/*
 * What all charts over time share.  c has: title, rows [{ label, ... }],
 * series [{ name, kind, of(row) }], format(n), and "whole" if there are no
 * fractions.
 */

function frame(c, draw, most) {
    const box = h('div.plot');
    const tip = h('div.tip', { hidden: true });
    const figure = h('figure.chart', null, h('figcaption', null, c.title,
        h('span.legend', null, c.series.map((x) => h('span', { class: x.kind }, x.name)))),
        box, tip, table(c));

    let at = 0;

    const paint = () => {
        const width = Math.round(box.clientWidth);

        if (!width || width === at) {
            return;
        }

        at = width;

        const values = steps(c.whole ? Math.max(most, 4) : most);
        const top = values[values.length - 1];
        const x0 = LEFT, x1 = width - RIGHT, y0 = HEIGHT - BOTTOM;
        const y = (n) => y0 - (y0 - TOP) * n / top;
        const slot = (x1 - x0) / c.rows.length;
        const ticks = marks(c.rows, Math.max(2, Math.floor((x1 - x0) / 64)));

        const svg = s('svg', { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`,
                               role: 'img', 'aria-label': `${c.title}: ${c.summary}` },
            values.map((n) => [
                s('line', { class: 'grid', x1: x0, x2: x1, y1: y(n), y2: y(n) }),
                s('text', { class: 'axis', x: x0 - 8, y: y(n) + 4, 'text-anchor': 'end' },
                  n === 0 ? '0' : (c.axis || c.format)(n)),
            ]),
            ticks.map((i) => s('text', { class: 'axis', x: x0 + slot * (i + 0.5), y: HEIGHT - 6,
                'text-anchor': x0 + slot * i > x1 - 24 ? 'end' : 'middle' }, c.rows[i].label)),
            draw({ x0, x1, y, y0, slot }));

        const mark = s('rect', { class: 'mark', y: TOP, height: y0 - TOP, width: Math.max(slot, 1),
                                 visibility: 'hidden' });

        svg.appendChild(mark);
        svg.addEventListener('pointermove', (e) => {
            const i = Math.floor((e.offsetX - x0) / slot);

            if (i < 0 || i >= c.rows.length) {
                hide(tip, mark);
                return;
            }

            mark.setAttribute('x', x0 + slot * i);
            mark.setAttribute('visibility', 'visible');
            show(tip, c, c.rows[i], Math.min(Math.max(x0 + slot * (i + 0.5), 90), width - 90));
        });
        svg.addEventListener('pointerleave', () => hide(tip, mark));
        replace(box, svg);
    };

    new ResizeObserver(paint).observe(box);

    return figure;
}


function show(tip, c, row, x) {
    replace(tip, h('strong', null, row.title || row.label), c.series.map((sr) => {
        const n = sr.of(row);
        return h('span', { class: sr.kind }, sr.name, h('b', null, n === null ? '–' : c.format(n, true)));
    }));
    tip.hidden = false;
    tip.style.left = `${x}px`;
}


function hide(tip, mark) {
    tip.hidden = true;
    mark.setAttribute('visibility', 'hidden');
}


/* The same for those who read: only rows where there is something. */

function table(c) {
    const rows = c.rows.filter((r) => c.series.some((x) => x.of(r)));

    return h('details.figures', { dataset: { of: c.title } }, h('summary', null, 'Figures'),
        h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': `${c.title}: figures` },
          h('table', null,
            h('thead', null, h('tr', null, h('th', { scope: 'col' }, c.rowName || 'Time'),
              c.series.map((x) => h('th', { scope: 'col' }, x.name)))),
            h('tbody', null, rows.length === 0
              ? h('tr', null, h('td', { colspan: c.series.length + 1 }, 'nothing'))
              : rows.map((r) => h('tr', null, h('th', { scope: 'row' }, r.title || r.label),
                  c.series.map((x) => h('td', null, x.of(r) === null ? '–' : c.format(x.of(r), true)))))))));
}


export function bars(c) {
    const most = Math.max(...c.rows.map((r) => c.series.reduce((n, x) => n + x.of(r), 0)), 0);

    return frame({ whole: true, format: compact, ...c }, ({ x0, y, slot }) => {
        const gap = slot > 6 ? Math.min(slot * 0.25, 6) : slot > 3 ? 1 : 0;

        return c.rows.map((r, i) => {
            let sum = 0;

            return c.series.map((x) => {
                const n = x.of(r);

                if (!n) {
                    return null;
                }

                const top = y(sum + n), bottom = y(sum);

                sum += n;

                return s('rect', { class: `bar ${x.kind}`, x: x0 + slot * i + gap / 2,
                                   width: Math.max(slot - gap, 0.5), y: Math.min(top, bottom - 1),
                                   height: Math.max(bottom - top, 1) });
            });
        });
    }, most);
}


export function lines(c) {
    const most = Math.max(...c.rows.flatMap((r) => c.series.map((x) => x.of(r) || 0)), 0);

    return frame(c, ({ x0, y, slot }) => c.series.map((x) => {
        const parts = [];
        const alone = [];
        let open = false;

        c.rows.forEach((r, i) => {
            const n = x.of(r);
            const next = c.rows[i + 1] ? x.of(c.rows[i + 1]) : null;
            const px = (x0 + slot * (i + 0.5)).toFixed(1);

            if (n === null) {
                open = false;
                return;
            }

            if (!open && next === null) {
                alone.push(s('circle', { class: `dot ${x.kind}`, cx: px, cy: y(n).toFixed(1), r: 2.5 }));
            }

            parts.push(`${open ? 'L' : 'M'}${px} ${y(n).toFixed(1)}`);
            open = true;
        });

        return [parts.length > 0 && s('path', { class: `line ${x.kind}`, d: parts.join('') }), alone];
    }), most);
}


/*
 * Bars with names, widest first: rows [{ name, n, kind, more, href }].  Those
 * after the first eight are opened by a click.
 */

export function ranks(title, rows, nothing) {
    const most = Math.max(...rows.map((r) => r.n), 1);
    const id = `ranks-${title.toLowerCase().replace(/\W+/g, '-')}`;

    const list = (some) => h('ul', null, some.map((r) => h('li', null,
        h('span.rank-name', null, r.href ? h('a', { href: r.href }, data(r.name)) : data(r.name)),
        h('span.rank-n', null, compact(r.n), r.more && h('span.quiet', null, r.more)),
        s('svg', { class: 'rank', width: '100%', height: 6, 'aria-hidden': 'true' },
          s('rect', { class: 'rail', width: '100%', height: 6, rx: 3 }),
          s('rect', { class: `bar ${r.kind || 'accent'}`, height: 6, rx: 3,
                      width: `${Math.max(100 * r.n / most, 0.8)}%` })))));
    const shown = rows.length > RANKS + 1 ? RANKS : rows.length;

    return h('section.chart.ranks', { 'aria-labelledby': id }, h('h3', { id }, title),
        rows.length === 0 ? h('p.quiet', null, nothing) : list(rows.slice(0, shown)),
        rows.length > shown && h('details.rest', { dataset: { of: title } },
            h('summary', null, `${rows.length - shown} more`), list(rows.slice(shown))));
}


/* 24 little bars: what was delivered, and above it what was not. */

export function spark(buckets, label) {
    const width = 120, height = 28;
    const most = Math.max(...buckets.map((b) => b.attempts), 1);
    const slot = width / Math.max(buckets.length, 1);

    return s('svg', { class: 'spark', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img',
                      'aria-label': label },
        buckets.map((b, i) => {
            const good = Math.round((height - 2) * b.delivered / most);
            const bad = Math.round((height - 2) * (b.attempts - b.delivered) / most);
            const at = { x: (i * slot + 0.75).toFixed(2), width: (slot - 1.5).toFixed(2), rx: 0.75 };
            const low = b.delivered ? Math.max(good, 2) : 0;

            return [
                !b.attempts && s('rect', { class: 'bar none', ...at, y: height - 2, height: 2 }),
                low > 0 && s('rect', { class: 'bar good', ...at, y: height - low, height: low }),
                b.attempts > b.delivered && s('rect', { class: 'bar bad', ...at,
                    y: Math.max(height - low - Math.max(bad, 2), 0), height: Math.max(bad, 2) }),
            ];
        }));
}
