/*
 * The list of webhooks: how each one is, in one look.
 */

import { h, replace, data } from '../dom.js';
import * as api from '../api.js';
import { badge, empty, head, link, notice } from '../ui.js';
import { spark } from '../charts.js';
import { icon } from '../icons.js';
import { compact, count, host, percent, plural } from '../format.js';
import { state } from '../words.js';
import { failing, pausedUntil } from '../health.js';

const MOST = 1000;              // of them that are listed


/* What people call a webhook: its description, or else its host. */

export function label(w) {
    return w.description || host(w.url);
}


function subscriptions(w) {
    const shown = w.events.slice(0, 3);
    const rest = w.events.slice(3);

    return h('div.tags', null, shown.map((e) => h('code.tag', null, e)),
             rest.length > 0 && h('span.quiet', { title: rest.join(', ') }, `+ ${rest.length}`));
}


function row(w, stats, faults) {
    const st = state(w, stats ? stats.attempts : null);
    const fault = faults.get(w.id);
    const rate = stats ? stats.success_rate : null;

    return h('li.hook', { dataset: { id: w.id } },
        h('div.hook-name', null,
          h('a.stretched', { href: `#/webhooks/${w.id}` }, data(label(w))),
          h('div.quiet.cut', { title: w.url }, data(w.url)),
          subscriptions(w)),
        h('div.hook-state', null, badge(st.kind, st.word),
          st.kind === 'bad' ? h('p.quiet', null, fault ? fault.short : st.detail, pausedUntil(w))
                            : st.detail && h('p.quiet', null, st.detail)),
        h('div.hook-rate', null,
          h('span.figure', { class: rate !== null && rate < 0.95 && (rate < 0.5 ? 'bad' : 'warn') }, percent(rate)),
          h('span.quiet', null, rate === null ? 'no attempt' : 'success')),
        h('div.hook-spark', null,
          stats && spark(stats.buckets, `24 hours: ${plural(stats.attempts, 'attempt')}, ${stats.delivered} delivered`),
          h('span.quiet', null, stats ? `${compact(stats.webhook_events)} in 24 h` : '')));
}


export async function webhooks(context) {
    const { path, signal } = context;
    const list = h('ul.rows.hooks', { 'aria-label': 'Webhooks' });
    const none = h('p.quiet.pad', { hidden: true }, 'No webhook has this in its name, URL or events.');
    const trouble = h('div');
    let hooks = [], stats = new Map(), faults = new Map(), complete = true, search = '';

    const draw = () => {
        const found = hooks.filter((w) => !search
            || `${w.description} ${w.url} ${w.events.join(' ')} ${w.id}`.toLowerCase().includes(search));

        const focus = list.contains(document.activeElement) && document.activeElement.getAttribute('href');

        replace(list, found.map((w) => row(w, stats.get(w.id), faults)));
        if (focus) {
            list.querySelector(`a[href="${CSS.escape(focus)}"]`)?.focus();
        }
        none.hidden = found.length > 0;
    };

    const load = async () => {
        const [all, summary] = await Promise.all([
            api.all(path('webhooks'), { signal, most: MOST }),
            api.all(path('stats'), { signal, most: MOST, query: { by: 'webhook' }, each: (page) => { complete = page.complete; } }),
        ]);

        hooks = all;
        stats = new Map(summary.map((x) => [x.webhook_id, x]));
        replace(trouble, !complete && notice('warn', h('p', null,
            'The figures are being counted anew; they will be complete in a while.')));
        draw();

        // why something fails is looked up behind the list
        failing(context, hooks, faults).then((found) => { faults = found; draw(); }, () => {});
    };

    await load();

    const add = link('Add webhook', '#/webhooks/new', { kind: 'primary', icon: 'plus' });

    if (hooks.length === 0) {
        return [head('Webhooks'),
            empty('Add your first webhook', 'Say which URL of yours should be told, and of which events. '
                  + 'It takes a minute, and you can send a test at once.', add)];
    }

    context.visit.every(10000, () => list.contains(document.activeElement) ? null : load());

    return [head('Webhooks', { actions: [add] }), trouble,
        hooks.length > 6 && h('div.search.wide', null, icon('search'), h('input', { type: 'search',
            'aria-label': 'Search webhooks', placeholder: 'Search by name, URL or event',
            oninput: (e) => { search = e.target.value.trim().toLowerCase(); draw(); } })),
        list, none,
        hooks.length >= MOST && h('p.quiet.pad', null, `The newest ${count(MOST)} webhooks are listed.`)];
}
