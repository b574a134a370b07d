// The coordinator's calendar: instructors by days, hours by instructors, hours by days; below 700 px a list.
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { hlT, hlN } from "$/public/external/hilink_app/components/i18n/i18n.js";
import { StateShape } from "$/public/external/hilink_app/components/drawn/kit.jsx";
import { useCarry } from "./carry.js";
import { against, clock, range, share, ticks, wall } from "./place.js";

const NARROW = "(max-width:700px)";
const NONE = [];

function stateWord(lang, state) {
  const words = { expected: hlT(lang, "Expected"), waiting: hlT(lang, "Waiting"), live: hlT(lang, "Live"),
    late: hlT(lang, "Late"), ended: hlT(lang, "Ended") };
  return words[state] ?? "";
}

const whoText = (lang, block) => (block.group > 1 ? hlT(lang, "{name} and {n} more", { name: block.student, n: block.group - 1 }) : block.student);
const spanText = (lang, first, length) => hlT(lang, "{start} to {end}", { start: clock(first), end: clock(first + length) });

/** Everything about a lesson in one sentence: the blocks of a week are too small for words. */
const blockName = (lang, block, day, instructor) =>
  hlT(lang, "{state}: {student}, {course} with {instructor}, {day}, {span}", {
    state: stateWord(lang, block.state), student: whoText(lang, block), course: block.course, instructor, day,
    span: spanText(lang, block.first, block.last - block.first),
  });

function useMatch(query) {
  const [matches, setMatches] = useState(() => typeof window !== "undefined" && window.matchMedia(query).matches);
  useEffect(() => {
    const list = window.matchMedia(query), hear = () => setMatches(list.matches);
    hear();
    list.addEventListener("change", hear);
    return () => list.removeEventListener("change", hear);
  }, [query]);
  return matches;
}

function useWallClock(tz) {
  const [now, setNow] = useState(null);
  useEffect(() => {
    const look = () => setNow(wall(Date.now(), tz));
    look();
    const id = setInterval(look, 30000);
    return () => clearInterval(id);
  }, [tz]);
  return now;
}

/** left and width, or top and height, as style; null when out of sight. */
function boxed(first, last, hours, horizontal) {
  const found = share(first, last, hours);
  if (!found) return null;
  const [begin, length] = found.map((n) => `${n}%`);
  return horizontal ? { left: begin, width: length } : { top: begin, height: length };
}

function Lesson({ block, style, name, tab, chosen, gone, horizontal, acts, home, lang }) {
  const look = ["hl-blk", block.state, block.other && "other", chosen && "on", gone && "gone"].filter(Boolean).join(" ");
  return (
    <button type="button" className={look} style={style} title={name} aria-label={name} tabIndex={tab ? 0 : -1}
      data-session-id={block.begins ? block.id : undefined} data-first={block.first} aria-pressed={gone || undefined}
      onPointerDown={(event) => block.begins && acts.current.down(event, block, home, horizontal)}
      onClick={() => acts.current.open(block)} onFocus={() => acts.current.focus(block.id)} onBlur={() => acts.current.blur()}
      onKeyDown={(event) => acts.current.key(event, block, home)}>
      {!horizontal && (
        <span className="hl-blk-t">
          <span><StateShape state={block.state} /><b>{clock(block.first)} {whoText(lang, block)}</b></span>
          <small>{block.course}</small>
        </span>
      )}
    </button>
  );
}

const Lane = memo(function Lane({ row, cell, dayWords, hours, horizontal, walls, ghosts, carry, verdict, tab, selected, moved, nowAt, acts, lang }) {
  const person = row.instructor.id, place = (first, last) => boxed(first, last, hours, horizontal);
  const out = cell.lessons.filter((one) => !place(one.first, one.last)).length;
  const carried = carry && place(carry.minute, carry.minute + carry.block.length);
  return (
    <div className="hl-cal-lane" data-lane="" data-person={person} data-day={cell.day}>
      {cell.bands.map((band, i) => {
        const style = place(band.first, band.last);
        return style && (
          <span key={i} className={"hl-band " + band.kind} style={style}>{band.kind === "away" && <small>{hlT(lang, "On leave")}</small>}</span>
        );
      })}
      {walls.map((one, i) => {
        const style = place(one.first, one.last);
        return style && <span key={i} className={"hl-wall" + (one.firm ? " firm" : "")} style={style}><small>{one.says}</small></span>;
      })}
      {cell.lessons.map((block) => {
        const style = place(block.first, block.last);
        return style && (
          <Lesson key={block.id} block={block} style={style} name={blockName(lang, block, dayWords, row.instructor.name)} lang={lang}
            tab={tab === block.id} chosen={selected === block.id} gone={moved === block.id}
            horizontal={horizontal} acts={acts} home={{ person, day: cell.day, minute: block.first }} />
        );
      })}
      {ghosts.map((one) => {
        const style = place(one.minute, one.minute + one.length);
        return style && (
          <span key={one.n + one.day} className={"hl-ghost" + (one.chosen ? " on" : "")} style={style} role="img"
            aria-label={hlT(lang, "Proposal {n}: {day}, {span} with {instructor}",
              { n: one.n, day: dayWords, span: spanText(lang, one.minute, one.length), instructor: row.instructor.name })}>
            {one.n}
          </span>
        );
      })}
      {carried && <span className={"hl-carried " + (verdict ? (verdict.firm ? "bad" : "warn") : "ok")} style={carried} />}
      {nowAt !== null && place(nowAt, nowAt + 1) && <i className="hl-nowline" style={{ [horizontal ? "left" : "top"]: Object.values(place(nowAt, nowAt + 1))[0] }} />}
      {out > 0 && <span className="hl-cal-out" title={hlN(lang, "{n} lesson outside these hours", "{n} lessons outside these hours", out)}>+{out}</span>}
    </div>
  );
});

/** A day's lessons one under the other, for phones; moving is in each lesson's dialog. */
function DayList({ rows, days, day, setDay, lang, onOpen }) {
  const found = rows.flatMap((row) => (row.days.find((cell) => cell.day === day)?.lessons ?? NONE).map((block) => [row, block]))
    .sort(([, one], [, other]) => one.first - other.first);
  const count = (iso) => rows.reduce((sum, row) => sum + (row.days.find((cell) => cell.day === iso)?.lessons.length ?? 0), 0);
  return (
    <div className="hl-cal-list">
      {days.length > 1 && (
        <div className="hl-cal-days" role="group" aria-label={hlT(lang, "Day")}>
          {days.map(([iso, words]) => (
            <button key={iso} type="button" className="hl-btn s" aria-pressed={iso === day} onClick={() => setDay(iso)}
              aria-label={`${words}: ${hlN(lang, "{n} lesson", "{n} lessons", count(iso))}`}>
              {words.split(" ").slice(0, 2).map((word) => <span key={word}>{word}</span>)}
            </button>
          ))}
        </div>
      )}
      <h2 className="hl-h2">{days.find(([iso]) => iso === day)?.[1]}</h2>
      {found.length === 0 && <p className="hl-q">{hlT(lang, "No lessons on this day.")}</p>}
      <ul>
        {found.map(([row, block]) => (
          <li key={block.id + block.first}>
            <button type="button" className="hl-cal-li" data-session-id={block.id} onClick={() => onOpen?.(block.id)}>
              <b className="hl-num">{clock(block.first)}</b>
              <span><b>{whoText(lang, block)}</b><small>{hlT(lang, "{course} with {instructor}", { course: block.course, instructor: row.instructor.name })}</small></span>
              <StateShape state={block.state} /><span className="hl-sr">{stateWord(lang, block.state)}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

const placed = (ghosts, tz) => ghosts.map((one) => {
  const { day, minute } = wall(Date.parse(one.starts_at), tz);
  return { ...one, day, minute, length: (Date.parse(one.ends_at) - Date.parse(one.starts_at)) / 60000 };
});

/** Lessons by line and place, so that an arrow key finds the next one. line: an instructor, or a column. */
function neighbour(rows, days, view, id, key) {
  const week = view === "week", all = [];
  rows.forEach((row, r) => row.days.forEach((cell, d) => cell.lessons.forEach((block) => {
    if (block.begins) all.push({ id: block.id, line: week ? r : view === "day" ? r : d, at: (week ? d * 1440 : 0) + block.first });
  })));
  all.sort((one, other) => one.line - other.line || one.at - other.at);
  const at = all.findIndex((one) => one.id === id), here = all[at];
  if (!here) return null;
  const along = { [week ? "ArrowLeft" : "ArrowUp"]: -1, [week ? "ArrowRight" : "ArrowDown"]: 1 }[key];
  if (along) return all[at + along]?.line === here.line ? all[at + along].id : null;
  const across = { [week ? "ArrowUp" : "ArrowLeft"]: -1, [week ? "ArrowDown" : "ArrowRight"]: 1 }[key];
  if (across) {
    const beyond = all.filter((one) => (one.line - here.line) * across > 0);
    const line = across > 0 ? Math.min(...beyond.map((one) => one.line)) : Math.max(...beyond.map((one) => one.line));
    const near = beyond.filter((one) => one.line === line).sort((one, other) => Math.abs(one.at - here.at) - Math.abs(other.at - here.at));
    return near[0]?.id ?? null;
  }
  return key === "Home" ? all.find((one) => one.line === here.line).id : key === "End" ? all.filter((one) => one.line === here.line).at(-1).id : null;
}

/** What is carried, where it is, and what stands against it: read aloud and shown below the grid. */
function CarryBar({ carry, verdict, waiting, rows, days, lang }) {
  const where = carry && hlT(lang, "{day}, {span}, {instructor}", {
    day: days.find(([iso]) => iso === carry.day)?.[1] ?? "", span: spanText(lang, carry.minute, carry.block.length),
    instructor: rows.find((row) => row.instructor.id === carry.person)?.instructor.name ?? "",
  });
  const says = !carry ? "" : waiting ? hlT(lang, "Looking what is in the way.") : verdict ? verdict.says : hlT(lang, "Possible.");
  const hint = carry?.by === "keys" ? hlT(lang, "Arrow keys move it, Enter lets it go, Escape leaves it where it was.") : "";
  return (
    <div className={"hl-carry" + (carry ? ` show ${verdict ? (verdict.firm ? "bad" : "warn") : "ok"}` : "")} role="status">
      {carry && <><b className="hl-num">{where}</b> <span>{verdict?.firm ? hlT(lang, "Not possible: {why}", { why: says }) : verdict ? hlT(lang, "Careful: {why}", { why: says }) : says}</span> <span className="hl-q">{hint}</span></>}
    </div>
  );
}

function Head({ row, onPerson, lang }) {
  return (
    <button type="button" className="hl-cal-who" onClick={() => onPerson?.(row.instructor.id)} title={hlT(lang, "The week of {name}", { name: row.instructor.name })}>
      <span className="hl-av" aria-hidden="true">{row.instructor.initials}</span>
      <span><b>{row.instructor.name}</b><small>{row.place}</small></span>
    </button>
  );
}

export function CalendarGrid({ view = "week", rows = NONE, days = NONE, hours = "7-22", carried = "", walls = NONE, ghosts = NONE,
  selected = "", label, tz, lang, onOpen, onPerson, onPick, onLeave, onDropAt }) {
  const narrow = useMatch(NARROW), now = useWallClock(tz), box = useRef(null);
  const [focus, setFocus] = useState(""), [listed, setListed] = useState("");
  const shown = useMemo(() => range(hours), [hours]), horizontal = view === "week";
  const people = useMemo(() => rows.map((row) => row.instructor.id), [rows]), dates = useMemo(() => days.map(([iso]) => iso), [days]);
  const verdictOf = (one) => (one && carried === one.block.id ? against(walls, one.person, one.day, one.minute, one.block.length) : null);
  const { carry, take, leave, onPointerDown, onKey, wasDragged } = useCarry({ people, days: dates, hours, view, carried,
    verdict: verdictOf, onPick, onLeave, onDrop: onDropAt });
  const verdict = verdictOf(carry), moved = carry ? carry.block.id : "";
  const first = useMemo(() => rows.flatMap((row) => row.days).flatMap((cell) => cell.lessons).find((one) => one.begins && share(one.first, one.last, shown))?.id ?? "", [rows, shown]);
  const stop = rows.some((row) => row.days.some((cell) => cell.lessons.some((one) => one.id === focus))) ? focus : first;

  const perLane = useMemo(() => {
    const found = {}, add = (key, one) => (found[key] ??= []).push(one);
    if (moved && carried === moved) {
      walls.forEach((one) => (one.person_id ? [one.person_id] : people).forEach((person) => add(person + one.day, one)));
      Object.values(found).forEach((list) => list.sort((one, other) => one.firm - other.firm));
    }
    return found;
  }, [walls, people, moved, carried]);
  const ghostsOf = useMemo(() => {
    const found = {};
    placed(ghosts, tz).forEach((one) => (found[one.person_id + one.day] ??= []).push(one));
    return found;
  }, [ghosts, tz]);

  const acts = useRef({});
  acts.current = {
    open: (block) => !carry && !wasDragged() && onOpen?.(block.id),
    focus: setFocus,
    blur: () => carry?.by === "keys" && !carry.let_go && leave(),
    down: onPointerDown,
    key: (event, block, home) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (onKey(event)) return event.preventDefault();
      if (event.key.toLowerCase() === "m" && block.begins && block.movable && !carry) return event.preventDefault(), take(block, home, "keys");
      const next = neighbour(rows, days, view, block.id, event.key);
      if (!next) return undefined;
      event.preventDefault();
      setFocus(next);
      return box.current?.querySelector(`[data-session-id="${next}"]`)?.focus();
    },
  };

  if (narrow) {
    const today = days.find(([, , is]) => is)?.[0], day = dates.includes(listed) ? listed : today ?? dates[0];
    return <DayList rows={rows} days={days} day={day} setDay={setListed} lang={lang} onOpen={onOpen} />;
  }

  const lane = (row, cell, words) => {
    const key = row.instructor.id + cell.day, here = carry && carry.person === row.instructor.id && carry.day === cell.day;
    return (
      <Lane row={row} cell={cell} dayWords={words} hours={shown} horizontal={horizontal} walls={perLane[key] ?? NONE} ghosts={ghostsOf[key] ?? NONE}
        carry={here ? carry : null} verdict={here ? verdict : null} tab={cell.lessons.some((one) => one.id === stop) ? stop : ""}
        selected={cell.lessons.some((one) => one.id === selected) ? selected : ""} moved={cell.lessons.some((one) => one.id === moved) ? moved : ""}
        nowAt={now && now.day === cell.day ? now.minute : null} acts={acts} lang={lang} />
    );
  };
  const style = { "--n": horizontal || view === "person" ? days.length : rows.length };
  const axis = (most) => ticks(shown, most).map((at) => {
    const [name, part] = [horizontal ? "left" : "top", (100 * (at - shown[0])) / (shown[1] - shown[0])];
    return <span key={at} style={{ [name]: `${part}%` }}>{horizontal ? at / 60 : clock(at)}</span>;
  });
  const dayHead = ([iso, words, today]) => (
    <div key={iso} role="columnheader" aria-current={today ? "date" : undefined}>
      <b>{words}</b>{horizontal && <span className="hl-cal-ticks hl-num" aria-hidden="true">{axis(4)}</span>}
    </div>
  );
  const columns = horizontal ? [] : view === "day" ? rows.map((row) => [row, row.days[0], days[0]?.[1]]) : (rows[0]?.days ?? []).map((cell, i) => [rows[0], cell, days[i]?.[1]]);
  return (
    <>
      <div className="hl-cal-scroll" ref={box}>
        <div role="grid" aria-label={label} aria-readonly="true" className={"hl-cal " + (horizontal ? "wide" : "tall") + (carry ? " moving" : "")} style={style}>
          <div role="row" className="hl-cal-r head">
            <div role="columnheader">{horizontal ? hlT(lang, "Instructor") : hlT(lang, "Hours")}</div>
            {view === "day" ? rows.map((row) => <div key={row.instructor.id} role="columnheader"><Head row={row} onPerson={onPerson} lang={lang} /></div>) : days.map(dayHead)}
          </div>
          {horizontal
            ? rows.map((row) => (
                <div key={row.instructor.id} role="row" className="hl-cal-r">
                  <div role="rowheader"><Head row={row} onPerson={onPerson} lang={lang} /></div>
                  {row.days.map((cell, i) => <div key={cell.day} role="gridcell">{lane(row, cell, days[i]?.[1] ?? "")}</div>)}
                </div>
              ))
            : (
                <div role="row" className="hl-cal-r">
                  <div role="rowheader" aria-label={hlT(lang, "{start} to {end}", { start: clock(shown[0]), end: clock(shown[1]) })}>
                    <span className="hl-cal-hours hl-num" aria-hidden="true">{axis(24)}</span>
                  </div>
                  {columns.map(([row, cell, words]) => <div key={row.instructor.id + cell.day} role="gridcell">{lane(row, cell, words ?? "")}</div>)}
                </div>
              )}
        </div>
      </div>
      <CarryBar carry={carry} verdict={verdict} waiting={Boolean(carry) && carried !== moved} rows={rows} days={days} lang={lang} />
    </>
  );
}
