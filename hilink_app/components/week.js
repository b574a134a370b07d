// A week of hours as one edits it: pieces {id, day, from, to} in minutes; `to` past 1440 is the next morning.
export const DAY = 1440;
export const STEP = 30;

let made = 0;
const piece = (day, from, to) => ({ id: ++made, day, from, to });
const two = (n) => String(n).padStart(2, "0");

/** 960 -> "16:00"; midnight at the end of a day is "00:00". */
export const clock = (minute) => `${two(Math.floor(minute / 60) % 24)}:${two(minute % 60)}`;

/** "16:00" -> 960; null while somebody is typing. */
export function minuteOf(text) {
  const found = /^(\d\d):(\d\d)/.exec(text ?? "");
  return found ? Number(found[1]) * 60 + Number(found[2]) : null;
}

/** An end that is not after its start is the next day's. */
export const withTimes = (one, from, to) => ({
  ...one, from, to: from === null || to === null ? to : to % DAY > from ? to % DAY : (to % DAY) + DAY,
});

export const fromRows = (rows) => rows.map((row) => withTimes(piece(row.weekday, 0, 0), minuteOf(row.starts), minuteOf(row.ends)));

/** [weekday, "16:00", "18:00"] each, as the server reads them. */
export const toRows = (pieces) => inOrder(pieces).map((one) => [one.day, clock(one.from), clock(one.to)]);

export const newPiece = (day) => piece(day, 9 * 60, 17 * 60);

export const isWhole = (one) => one.from !== null && one.to !== null && (one.to - one.from < DAY || one.from === 0);

const inOrder = (pieces) => [...pieces].sort((a, b) => a.day - b.day || a.from - b.from);

const atMidnight = (one) =>
  one.to > DAY ? [piece(one.day, one.from, DAY), piece((one.day + 1) % 7, 0, one.to - DAY)] : [one];

function union(spans) {
  const result = [];
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = result[result.length - 1];
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
}

const cut = (spans, from, to) =>
  spans.flatMap(([a, b]) => [[a, Math.min(b, from)], [Math.max(a, to), b]].filter(([x, y]) => x < y));

/** What is open on a day: [from, to] pairs, sorted, with what came over from the night before. */
export const openOn = (pieces, day) =>
  union(pieces.filter(isWhole).flatMap(atMidnight).filter((one) => one.day === day).map((one) => [one.from, one.to]));

/** These minutes of these days opened, or closed; other days stay as they were written. */
export function paint(pieces, days, from, to, open) {
  const touched = (one) => days.includes(one.day) || (one.to > DAY && days.includes((one.day + 1) % 7));
  const split = pieces.filter(isWhole).flatMap((one) => (touched(one) ? atMidnight(one) : [one]));
  const painted = days.flatMap((day) => {
    const spans = split.filter((one) => one.day === day).map((one) => [one.from, one.to]);
    return (open ? union([...spans, [from, to]]) : cut(union(spans), from, to)).map(([a, b]) => piece(day, a, b));
  });
  return inOrder([...split.filter((one) => !days.includes(one.day)), ...painted]);
}

/** Ids of pieces that share time with another one, over the end of the week as well. */
export function overlapping(pieces) {
  const spans = pieces.filter(isWhole).map((one) => [one.id, one.day * DAY + one.from, one.day * DAY + one.to]);
  const meet = (a, b, shift) => a[1] < b[2] + shift && b[1] + shift < a[2];
  const found = spans.filter((a) => spans.some((b) => a !== b && [-7 * DAY, 0, 7 * DAY].some((shift) => meet(a, b, shift))));
  return new Set(found.map(([id]) => id));
}

export const sumHours = (pieces) => pieces.filter(isWhole).reduce((sum, one) => sum + one.to - one.from, 0) / 60;
