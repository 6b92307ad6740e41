/*
 * Making elements.  Text becomes text nodes and nothing else: no function
 * here parses markup, so data cannot become any.
 */

const SVG = 'http://www.w3.org/2000/svg';

// control characters, and those that turn the direction of what follows
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;


/* What could make text look like another one is written out. */

export function visible(text) {
    return String(text).replace(UNSEEN, (c) =>
        '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}


/* Links go to this portal, or to a web or mail address. */

function safe(href) {
    return /^(#|https?:\/\/|mailto:)/i.test(href) ? href : '#/';
}


function set(element, name, value) {
    if (value === null || value === undefined || value === false) {
        return;
    }

    if (name.startsWith('on')) {
        element.addEventListener(name.slice(2), value);

    } else if (name === 'class') {
        element.setAttribute('class', [value].flat().filter(Boolean).join(' '));

    } else if (name === 'dataset') {
        Object.assign(element.dataset, value);

    } else if (name === 'href') {
        element.setAttribute('href', safe(value));

    } else if (['value', 'checked', 'disabled', 'indeterminate'].includes(name)) {
        element[name] = value;

    } else if (name === 'style' || name === 'srcdoc' || name === 'src') {
        throw new Error(`attribute ${name}`);

    } else {
        element.setAttribute(name, value === true ? '' : value);
    }
}


function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
        set(element, name, value);
    }

    add(element, children);

    return element;
}


/* Children are nodes, text, lists of these; null and false are nothing. */

export function add(element, ...children) {
    for (const child of children.flat(Infinity)) {
        if (child instanceof Node) {
            element.appendChild(child);

        } else if (child !== null && child !== undefined && child !== false) {
            element.appendChild(document.createTextNode(visible(child)));
        }
    }

    return element;
}


/* h('p.note', { id: 'x' }, 'text', ...): an element of HTML. */

export function h(tag, attributes, ...children) {
    const [name, ...classes] = tag.split('.');
    const element = document.createElement(name);

    if (classes.length) {
        element.className = classes.join(' ');
    }

    if (attributes && attributes.class) {
        attributes = { ...attributes,
                       class: [classes, attributes.class].flat() };
    }

    return fill(element, attributes, children);
}


export function s(tag, attributes, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
}


export function replace(element, ...children) {
    element.replaceChildren();
    return add(element, ...children);
}


/* Text as it came, in a <bdi>: its direction stays inside. */

export function data(text, attributes) {
    return h('bdi', attributes, text);
}


let last = 0;

export function unique(prefix) {
    return `${prefix}-${++last}`;
}


/*
 * An element of the page that has to work while a dialog is open, too: all
 * outside of a modal dialog is inert, and below it.
 */

export function atFront(id) {
    const element = document.getElementById(id);
    const front = [...document.querySelectorAll('dialog[open]')].pop() || document.body;

    if (element.parentNode !== front) {
        front.appendChild(element);
    }

    return element;
}


/* Tells people who do not see the page. */

export function say(text) {
    const said = atFront('said');

    said.textContent = '';
    setTimeout(() => { said.textContent = visible(text); }, 60);
}
