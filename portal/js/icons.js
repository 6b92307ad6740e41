/*
 * Icons: strokes on a grid of 16.
 */

import { s } from './dom.js';

const paths = {
    plus: 'M8 3v10M3 8h10',
    copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
    check: 'M3 8.5l3.2 3.2L13 4.8',
    cross: 'M4 4l8 8M12 4l-8 8',
    bang: 'M8 3.5v5.5M8 12.2v.3',
    clock: 'M8 4.5V8l2.5 1.5M8 1.8a6.2 6.2 0 100 12.4A6.2 6.2 0 008 1.8z',
    dash: 'M4 8h8',
    retry: 'M13 8a5 5 0 11-1.6-3.7M13 2.5v2.8h-2.8',
    right: 'M6 3.5L10.5 8 6 12.5',
    down: 'M3.5 6L8 10.5 12.5 6',
    search: 'M7 2.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9zM10.4 10.4l3.1 3.1',
    send: 'M2.5 8L13.5 3l-3 10.5L8 9.2z',
    eye: 'M1.8 8S4 3.8 8 3.8 14.2 8 14.2 8 12 12.2 8 12.2 1.8 8 1.8 8zM8 6.2a1.8 1.8 0 100 3.6 1.8 1.8 0 000-3.6z',
    edit: 'M3 13l.7-2.8L10.8 3 13 5.2l-7.2 7.1z',
    bin: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5',
    pause: 'M5.5 3.5v9M10.5 3.5v9',
    play: 'M5 3.2v9.6L12.5 8z',
    sun: 'M8 5.2a2.8 2.8 0 100 5.6 2.8 2.8 0 000-5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
    moon: 'M13 9.5A5.5 5.5 0 116.5 3 4.5 4.5 0 0013 9.5z',
    auto: 'M8 1.8a6.2 6.2 0 100 12.4A6.2 6.2 0 008 1.8zM8 2v12M8 4.5l4 1.2M8 8h6M8 11.5l4-1.2',
    out: 'M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6',
    hook: 'M2 8.5h2.8l1.7-4.5 2.4 8 1.8-4.3H14',
    key: 'M9.8 2.5a3.7 3.7 0 100 7.4 3.7 3.7 0 000-7.4zM7.2 8.8L2.5 13.5M4.5 11.5l1.8 1.8',
    shield: 'M8 1.8l5 2v4c0 3-2 5.2-5 6.4-3-1.2-5-3.4-5-6.4v-4z',
    code: 'M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5',
    inbox: 'M2 9l2-5.5h8L14 9v4H2zM2 9h3.5l1 1.8h3L10.5 9H14',
};


export function icon(name) {
    return s('svg', { class: 'icon', viewBox: '0 0 16 16', width: 16, height: 16,
                      'aria-hidden': 'true', focusable: 'false' },
             s('path', { d: paths[name] }));
}
