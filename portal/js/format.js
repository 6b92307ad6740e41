/*
 * Numbers, times and sizes as text, in the reader's time zone.
 */

const number = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const dayOfUtc = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const whole = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric',
    hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' });


export function count(n) {
    return number.format(n);
}


export function compact(n) {
    return n < 10000 ? number.format(n) : short.format(n);
}


export function plural(n, one, many) {
    return `${count(n)} ${n === 1 ? one : many || one + 's'}`;
}


/* A share as a percentage that is 100 only if all of it is. */

export function percent(share) {
    if (share === null || share === undefined) {
        return '–';
    }

    const p = Math.floor(share * 1000) / 10;

    return (p === 100 || p === 0 ? p.toFixed(0) : p.toFixed(1)) + '%';
}


export function ms(n) {
    if (n === null || n === undefined) {
        return '–';
    }

    if (n < 1) {
        return '<1 ms';
    }

    if (n < 1000) {
        return `${n < 10 ? Math.round(n * 10) / 10 : Math.round(n)} ms`;
    }

    return n < 60000 ? `${(n / 1000).toFixed(n < 10000 ? 2 : 1)} s` : duration(n);
}


/* For an axis: "5 s", "0.5 s", "200 ms". */

export function shortMs(n) {
    return n >= 1000 ? `${+(n / 1000).toFixed(2)} s` : `${+n.toFixed(2)} ms`;
}


export function bytes(n) {
    return n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} kB`
           : `${(n / 1048576).toFixed(1)} MB`;
}


/* "3 min 12 s", "2 h 5 min", "4 d 3 h". */

export function duration(n) {
    const sec = Math.max(0, Math.round(n / 1000));

    if (sec < 60) {
        return `${sec} s`;
    }

    if (sec < 3600) {
        return `${Math.floor(sec / 60)} min${sec % 60 ? ` ${sec % 60} s` : ''}`;
    }

    if (sec < 86400) {
        const min = Math.floor(sec % 3600 / 60);
        return `${Math.floor(sec / 3600)} h${min ? ` ${min} min` : ''}`;
    }

    const h = Math.floor(sec % 86400 / 3600);
    return `${Math.floor(sec / 86400)} d${h ? ` ${h} h` : ''}`;
}


export function ago(iso) {
    const n = Date.now() - Date.parse(iso);

    if (n < 5000) {
        return 'just now';
    }

    const sec = n / 1000;

    return sec < 60 ? `${Math.floor(sec)} s ago`
         : sec < 3600 ? `${Math.floor(sec / 60)} min ago`
         : sec < 86400 ? `${Math.floor(sec / 3600)} h ago`
         : `${Math.floor(sec / 86400)} d ago`;
}


/* The time of today, with the day if it is another one. */

export function when(iso) {
    const d = new Date(iso);

    return d.toDateString() === new Date().toDateString() ? time.format(d)
           : `${day.format(d)}, ${time.format(d)}`;
}


export function moment(iso) {
    const d = new Date(iso);

    return d.toDateString() === new Date().toDateString() ? minute.format(d)
           : `${day.format(d)}, ${minute.format(d)}`;
}


export function full(iso) {
    return whole.format(new Date(iso));
}


export function date(iso) {
    return day.format(new Date(iso));
}


/* The day of what is counted by days of UTC. */

export function utcDate(iso) {
    return dayOfUtc.format(new Date(iso));
}


export function clock(iso) {
    return minute.format(new Date(iso));
}


/* A host and what follows, of a URL that may be anything. */

export function host(url) {
    try {
        return new URL(url).host;
    } catch (e) {
        return url;
    }
}
