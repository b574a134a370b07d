// Where things are in the calendar: minutes of a day's wall clock, and shares of the hours that are shown.
import { hlDates } from "$/public/external/hilink_app/components/i18n/i18n.js";

export const STEP = 15;
export const DAY = 1440;

/** "13-22" as minutes [780, 1320]. */
export const range = (hours) => hours.split("-").map((hour) => Number(hour) * 60);

export const clock = (minute) =>
  `${String(Math.floor(minute / 60) % 24).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/** Begin and length in per cent of [from, to], cut off at both ends; null when nothing of it is in there. */
export function share(first, last, [from, to]) {
  const begin = Math.max(first, from), end = Math.min(last, to);
  return end > begin ? [(100 * (begin - from)) / (to - from), (100 * (end - begin)) / (to - from)] : null;
}

/** Hours to write on the axis: all when there is room, else every second or third. */
export function ticks([from, to], most) {
  const hours = (to - from) / 60, step = [1, 2, 3, 4, 6].find((n) => hours / n <= most) ?? 12;
  return Array.from({ length: Math.floor(hours / step) + 1 }, (_, i) => from + i * step * 60);
}

/** The wall clock of a moment in a zone: { day: "2026-11-16", minute: 975 }. */
export function wall(at, tz) {
  const parts = hlDates("en-CA", {
    timeZone: tz || "UTC", hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  }).formatToParts(at);
  const part = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return { day: `${part.year}-${part.month}-${part.day}`, minute: Number(part.hour) * 60 + Number(part.minute) };
}

/** Start of a dragged lesson, in steps, inside the hours that are shown. */
export function snapped(minute, length, [from, to]) {
  const last = Math.max(from, Math.min(to, DAY) - Math.min(length, STEP));
  return Math.max(from, Math.min(last, Math.round(minute / STEP) * STEP));
}

/** What stands against a place: a firm reason before others, null when nothing does. */
export function against(walls, person, day, minute, length) {
  const hit = walls.filter((one) => (one.person_id === "" || one.person_id === person) && one.day === day
    && one.first < minute + length && minute < one.last);
  return hit.find((one) => one.firm) ?? hit[0] ?? null;
}
