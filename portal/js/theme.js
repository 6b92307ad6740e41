/*
 * Light or dark, before anything is drawn: what was chosen with the switch,
 * or else what the system wants.  A classic script, since modules run later.
 */

(function () {
    'use strict';

    var chosen = null;

    try {
        chosen = localStorage.getItem('webhook-portal-theme');
    } catch (e) {
        // no storage: the system decides
    }

    if (chosen === 'light' || chosen === 'dark') {
        document.documentElement.dataset.theme = chosen;
    }
}());
