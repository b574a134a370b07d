// Words and clock times of the room. The English sentence is the key of `strings`.
import { createContext, useContext } from "react";

const PLACE = /\{(\w+)\}/g;

/** t("Hello {name}", {name}) over the page's translated strings; English when a translation is missing. */
export function makeT(strings) {
  return (id, values) => {
    const text = strings?.[id] || id;
    return values ? text.replace(PLACE, (all, name) => values[name] ?? all) : text;
  };
}

/** {clock(date), minutes(ms)} in the reader's zone; an unknown zone falls back to the browser's. */
export function makeClock(lang, tz) {
  const locale = lang === "en" || !lang ? "en-GB" : lang;
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  let format;
  try {
    format = new Intl.DateTimeFormat(locale, { ...options, timeZone: tz || undefined });
  } catch {
    format = new Intl.DateTimeFormat(locale, options);
  }
  let day;
  try {
    day = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", timeZone: tz || undefined });
  } catch {
    day = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
  }
  const safe = (formatter) => (value) => {
    const date = new Date(value ?? NaN);
    return Number.isNaN(date.getTime()) ? "" : formatter.format(date);
  };
  return { clock: safe(format), day: safe(day) };
}

/** 75_000 -> "1:15". */
export function stopwatch(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export function initials(name) {
  const parts = (name || "?").trim().split(/\s+/);
  const picked = parts.length > 1 ? [parts[0], parts[parts.length - 1]] : [parts[0]];
  return picked.map((part) => [...part][0] ?? "").join("").toUpperCase();
}

/** The first name: short enough for a small tile. */
export const firstName = (name) => (name || "").trim().split(/\s+/)[0] || "";

export const RoomContext = createContext(null);

/** {t, clock, state, dispatch, actions, now, local, media} of the room around a component. */
export const useRoom = () => useContext(RoomContext);
