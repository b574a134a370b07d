// The editor of weekly hours: a grid to drag on and a list to type in, both over one draft.
import { useEffect, useMemo, useRef, useState } from "react";
import { hlT, hlN, hlDates, hlLocale } from "$/public/external/hilink_app/components/i18n/i18n.js";
import { DAY, STEP, clock, fromRows, isWhole, minuteOf, newPiece, openOn, overlapping, paint, sumHours, toRows, withTimes } from "./week.js";

const DAYS = [0, 1, 2, 3, 4, 5, 6];
const USUAL = [7 * 60, 21 * 60];
const HOLD_MS = 250;
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

const within = (n, low, high) => Math.max(low, Math.min(high, n));
const between = (a, b) => DAYS.filter((day) => day >= Math.min(a, b) && day <= Math.max(a, b));

/** Names of the days from Monday; 1 January 2024 was one. */
function dayNames(lang, weekday) {
  const format = hlDates(hlLocale(lang), { weekday, timeZone: "UTC" });
  return DAYS.map((day) => format.format(Date.UTC(2024, 0, 1 + day)));
}

/** First and last minute the grid shows: the usual ones, or all that is open. */
function shownMinutes(pieces, whole) {
  if (whole) return [0, DAY];
  const open = DAYS.flatMap((day) => openOn(pieces, day));
  const first = Math.min(USUAL[0], ...open.map(([from]) => Math.floor(from / 60) * 60));
  return [first, Math.max(USUAL[1], ...open.map(([, to]) => Math.ceil(to / 60) * 60))];
}

/** What a drag or a keyed range from `a` to `b` does: days, minutes, and whether it opens them. */
const rangeOf = ({ a, b, open }) => [between(a.day, b.day), Math.min(a.at, b.at), Math.max(a.at, b.at) + STEP, open];

const isOpen = (pieces, { day, at }) => openOn(pieces, day).some(([from, to]) => from < at + STEP && at < to);

/** Mouse and pen drag at once; a finger taps, or holds and then drags, so that the page can still be scrolled. */
function useDrag(pieces, commit) {
  const box = useRef(null), drag = useRef(null), hold = useRef(0);
  const [range, setRange] = useState(null);
  const show = (next) => setRange((drag.current = next));
  const cell = (event) => {
    const found = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-at]");
    return found && box.current.contains(found) ? { day: Number(found.dataset.day), at: Number(found.dataset.at) } : null;
  };
  const begin = (a) => show({ a, b: a, open: !isOpen(pieces, a) });
  const stop = () => {
    clearTimeout(hold.current);
    show(null);
  };
  useEffect(() => {
    const scroll = (event) => drag.current && event.preventDefault();
    const node = box.current;
    node.addEventListener("touchmove", scroll, { passive: false });
    return () => (clearTimeout(hold.current), node.removeEventListener("touchmove", scroll));
  }, []);
  const on = {
    onPointerDown: (event) => {
      const at = cell(event);
      if (!at || event.button !== 0) return;
      if (event.pointerType === "touch") hold.current = setTimeout(() => begin(at), HOLD_MS);
      else begin(at);
    },
    onPointerMove: (event) => {
      const at = drag.current && cell(event);
      if (at) show({ ...drag.current, b: at });
    },
    onPointerUp: (event) => {
      const at = cell(event), found = drag.current ?? (event.pointerType === "touch" && at && { a: at, b: at, open: !isOpen(pieces, at) });
      stop();
      if (found) commit(found);
    },
    onPointerCancel: stop,
    onPointerLeave: (event) => event.pointerType !== "touch" && drag.current && (commit(drag.current), stop()),
    onContextMenu: (event) => event.preventDefault(),
  };
  return [box, range, on];
}

/** Arrow keys move, Enter begins and ends, Escape gives up, Delete closes what is open there. */
function useKeys(pieces, [first, last], commit, remove, undo) {
  const [at, setAt] = useState({ day: 0, at: 9 * 60 });
  const [anchor, setAnchor] = useState(null);
  const range = anchor && { a: anchor, b: at, open: !isOpen(pieces, anchor) };
  const onKeyDown = (event) => {
    const step = ARROWS[event.key];
    if (step) setAt({ day: within(at.day + step[0], 0, 6), at: within(at.at + step[1] * STEP, first, last - STEP) });
    else if (event.key === "Enter" || event.key === " ") {
      if (range) commit(range);
      setAnchor(range ? null : at);
    } else if (event.key === "Escape" && anchor) setAnchor(null);
    else if (event.key === "Delete" || event.key === "Backspace") remove(at);
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
    else return;
    event.preventDefault();
  };
  return [at, range, { onKeyDown, onBlur: () => setAnchor(null) }];
}

function Grid({ pieces, lang, label, whole, commit, remove, undo }) {
  const shown = useMemo(() => shownMinutes(pieces, whole), [pieces, whole]);
  const [box, dragged, onPointer] = useDrag(pieces, commit);
  const [at, keyed, onKey] = useKeys(pieces, shown, commit, remove, undo);
  const range = dragged ?? keyed;
  const drawn = range ? paint(pieces, ...rangeOf(range)) : pieces;
  const short = dayNames(lang, "short"), long = dayNames(lang, "long");
  const [first, last] = shown, slots = [];
  for (let minute = first; minute < last; minute += STEP) slots.push(minute);
  const cellName = (day, minute) => {
    const open = isOpen(drawn, { day, at: minute });
    return `${long[day]} ${clock(minute)}, ${open ? hlT(lang, "open") : hlT(lang, "closed")}`;
  };
  return (
    <div className="hl-hours" ref={box} role="grid" aria-label={label} aria-describedby="hl-hours-how" tabIndex={0}
      aria-multiselectable="true" aria-activedescendant={`hl-h-${at.day}-${at.at}`} {...onPointer} {...onKey}>
      <div role="row" className="hl-hours-r">
        <span role="columnheader" className="hl-sr">{hlT(lang, "Time")}</span>
        {DAYS.map((day) => <b key={day} role="columnheader" aria-label={long[day]} style={{ gridColumn: day + 2, gridRow: 1 }}>{short[day]}</b>)}
      </div>
      {slots.map((minute, i) => (
        <div role="row" className="hl-hours-r" key={minute}>
          <span role="rowheader" className={"hl-hours-t hl-num" + (minute % 60 ? " half" : "")} style={{ gridRow: i + 2 }}>{clock(minute)}</span>
          {DAYS.map((day) => (
            <i key={day} role="gridcell" id={`hl-h-${day}-${minute}`} data-day={day} data-at={minute} aria-label={cellName(day, minute)}
              aria-selected={isOpen(drawn, { day, at: minute })} style={{ gridColumn: day + 2, gridRow: i + 2 }}
              className={"hl-hours-c" + (minute % 60 ? " half" : "") + (at.day === day && at.at === minute ? " at" : "")} />
          ))}
        </div>
      ))}
      {DAYS.map((day) => (
        <span key={day} className="hl-hours-col" aria-hidden="true" style={{ gridColumn: day + 2, gridRow: `2 / span ${slots.length}` }}>
          {openOn(drawn, day).map(([from, to]) => (
            <span key={from} className="hl-open" style={{ top: `${((from - first) / (last - first)) * 100}%`, height: `${((to - from) / (last - first)) * 100}%` }}>
              {to - from >= 60 && <><b>{clock(from)}</b>{to - from >= 120 && <small>{clock(to)}</small>}</>}
            </span>
          ))}
        </span>
      ))}
    </div>
  );
}

const Cross = () => (
  <svg className="hl-i" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeLinecap="round" aria-hidden="true"><path d="M18 6 6 18M6 6l12 12" /></svg>
);

function Line({ one, names, lang, wrong, change, remove }) {
  const named = (what) => hlT(lang, "{what} of {day}", { what, day: names[one.day] });
  const field = (what, value, set) => (
    <input className="hl-input hl-num" type="time" aria-label={named(what)} aria-invalid={wrong || undefined} required
      defaultValue={value === null ? "" : clock(value)} onChange={(event) => set(minuteOf(event.target.value))} />
  );
  return (
    <li className="hl-hours-li">
      <select className="hl-input" aria-label={hlT(lang, "Day")} value={one.day} onChange={(event) => change({ ...one, day: Number(event.target.value) })}>
        {names.map((name, day) => <option key={day} value={day}>{name}</option>)}
      </select>
      {field(hlT(lang, "From"), one.from, (from) => change(withTimes(one, from, one.to)))}
      <span className="hl-q">{hlT(lang, "to")}</span>
      {field(hlT(lang, "Until"), one.to, (to) => change(withTimes(one, one.from, to)))}
      <button type="button" className="hl-btn ic s g" onClick={remove} title={hlT(lang, "Remove")}
        aria-label={hlT(lang, "Remove {day}, {start} to {end}", { day: names[one.day], start: clock(one.from ?? 0), end: clock(one.to ?? 0) })}><Cross /></button>
      {isWhole(one) && one.to > DAY && <small className="hl-q">{hlT(lang, "until the next morning")}</small>}
    </li>
  );
}

/** What keeps the draft from being saved, as one sentence; "" when nothing does. */
function problemOf(pieces, wrong, lang) {
  if (pieces.some((one) => one.from === null || one.to === null)) return hlT(lang, "Please fill in every time.");
  if (pieces.some((one) => !isWhole(one))) return hlT(lang, "The end is before the start.");
  return wrong.size ? hlT(lang, "Two of these hours overlap.") : "";
}

/** rows: HoursRow of the server. onSave gets [[weekday, "16:00", "18:00"], ...]. Another `round` drops the draft. */
export function HoursEditor({ rows = [], round = 0, lang = "en", label, busy = false, onSave }) {
  const [draft, setDraft] = useState(() => fromRows(rows));
  const [past, setPast] = useState([]);
  const [whole, setWhole] = useState(false);
  const [turn, setTurn] = useState(0);
  const [asked, setAsked] = useState(false);
  const [said, setSaid] = useState("");
  useEffect(() => {
    setDraft(fromRows(rows));
    setPast([]);
    setAsked(false);
  }, [round]);
  const names = dayNames(lang, "long"), wrong = overlapping(draft), problem = problemOf(draft, wrong, lang);
  const change = (next) => {
    setPast([...past.slice(-49), draft]);
    setDraft(next);
  };
  const commit = (range) => {
    const [days, from, to, open] = rangeOf(range);
    change(paint(draft, days, from, to, open));
    const words = { days: days.map((day) => names[day]).join(", "), start: clock(from), end: clock(to) };
    setSaid(open ? hlT(lang, "{days}, {start} to {end}: open", words) : hlT(lang, "{days}, {start} to {end}: closed", words));
  };
  const remove = ({ day, at }) => {
    const found = openOn(draft, day).find(([from, to]) => from < at + STEP && at < to);
    if (found) commit({ a: { day, at: found[0] }, b: { day, at: found[1] - STEP }, open: false });
  };
  const undo = () => {
    if (!past.length) return;
    setDraft(past[past.length - 1]);
    setPast(past.slice(0, -1));
    setTurn(turn + 1); // the fields keep what is typed until they are made anew
    setSaid(hlT(lang, "Undone"));
  };
  const save = () => {
    setAsked(true);
    if (!problem) onSave?.(toRows(draft));
  };
  return (
    <div className="hl-col hl-g4">
      <p className="hl-q" id="hl-hours-how">
        {hlT(lang, "Drag over the week to open or close hours; with a finger, tap, or hold and drag. With the keyboard: arrow keys move, Enter begins and ends, Delete removes.")}
      </p>
      <Grid pieces={draft} lang={lang} label={label} whole={whole} commit={commit} remove={remove} undo={undo} />
      <div className="hl-row hl-g2 hl-wrap">
        <button type="button" className="hl-btn s" aria-pressed={whole} onClick={() => setWhole(!whole)}>{hlT(lang, "Show the whole day")}</button>
        <span className="hl-sp" />
        <span className="hl-q hl-sm hl-num">{hlN(lang, "{n} hour a week", "{n} hours a week", Math.round(sumHours(draft) * 10) / 10)}</span>
      </div>
      <section className="hl-col hl-g2" aria-label={hlT(lang, "The same hours as a list")}>
        <h3 className="hl-h3">{hlT(lang, "Or type them")}</h3>
        {draft.length === 0 && <p className="hl-q">{hlT(lang, "No hours yet: nobody can book a lesson.")}</p>}
        <ul className="hl-col hl-g2">
          {draft.map((one) => (
            <Line key={`${one.id}-${turn}`} one={one} names={names} lang={lang} wrong={wrong.has(one.id) || !isWhole(one)}
              change={(next) => change(draft.map((old) => (old.id === one.id ? next : old)))}
              remove={() => change(draft.filter((old) => old.id !== one.id))} />
          ))}
        </ul>
        <div><button type="button" className="hl-btn s" onClick={() => change([...draft, newPiece(draft.length ? Math.min(6, draft[draft.length - 1].day + 1) : 0)])}>{hlT(lang, "Add hours")}</button></div>
      </section>
      <div role="alert">{asked && problem && <p className="hl-err">{problem}</p>}</div>
      <div className="hl-row hl-g2 hl-wrap hl-hours-save">
        <button type="button" className="hl-btn p" onClick={save} disabled={busy} aria-busy={busy}>{hlT(lang, "Save hours")}</button>
        <button type="button" className="hl-btn" onClick={undo} disabled={!past.length}>{hlT(lang, "Undo")}</button>
        {past.length > 0 && <span className="hl-chip warn">{hlT(lang, "Not saved yet")}</span>}
      </div>
      <span className="hl-sr" role="status">{said}</span>
    </div>
  );
}
