// Translation in the browser: the catalogs are part of the build, the language is a value of the page.
import { useSyncExternalStore, useEffect } from "react";
import { catalogs, formats } from "./catalogs.js";

let current = "en";
const listeners = new Set();
const PLACE = /\{(\w+)\}/g;

const fill = (text, values) =>
  values ? text.replace(PLACE, (all, name) => (values[name] ?? all)) : text;

/** `id` in `lang` with {name} places filled; the English sentence when there is no translation. */
export function hlT(lang, id, values) {
  const found = catalogs[lang]?.[id];
  return fill(typeof found === "string" && found ? found : id ?? "", values);
}

/** Singular or plural sentence for n, which is also the {n} place. */
export function hlN(lang, one, many, n, values) {
  const forms = catalogs[lang]?.[one];
  const pick = Number(n) === 1 ? 0 : 1;
  const text = (Array.isArray(forms) && forms[pick]) || (pick ? many : one);
  return fill(text, { n, ...values });
}

/** {msgid: translated} for components that want their words as one prop. */
export const hlAll = (lang, ids) => Object.fromEntries(ids.map((id) => [id, hlT(lang, id)]));

/** The locale tag for dates and numbers. */
export const hlLocale = (lang) => formats[lang] ?? formats.en;

// Making a formatter costs more than drawing a row of the board, so each is made once.
const kept = new Map();
const once = (Kind, locale, options) => {
  const key = `${Kind.name} ${locale} ${JSON.stringify(options)}`;
  if (!kept.has(key)) kept.set(key, new Kind(locale, options));
  return kept.get(key);
};

/** An Intl.DateTimeFormat; RangeError for a zone the browser does not know. */
export const hlDates = (locale, options) => once(Intl.DateTimeFormat, locale, options);

/** A number as people write it: 5,000 or 5.000. */
export const hlNum = (lang, n) =>
  n === null || n === undefined || n === "" ? "" : once(Intl.NumberFormat, hlLocale(lang)).format(Number(n));

/** For JSX components: const { t, tn, lang } = useT(); redraws when the language changes. */
export function useT() {
  const lang = useSyncExternalStore(
    (notify) => (listeners.add(notify), () => listeners.delete(notify)),
    () => current,
    () => "en",
  );
  return {
    lang,
    locale: hlLocale(lang),
    t: (id, values) => hlT(lang, id, values),
    tn: (one, many, n, values) => hlN(lang, one, many, n, values),
  };
}

const YEAR_S = 31536000;

/** Keeps <html lang> and useT() in step with the page's language, and a chosen one for a year. Draws nothing. */
export function LanguageSync({ lang, chosen = "" }) {
  useEffect(() => {
    current = lang || "en";
    document.documentElement.lang = current;
    listeners.forEach((notify) => notify());
  }, [lang]);
  useEffect(() => {
    const safe = location.protocol === "https:" ? ";secure" : "";
    if (chosen) document.cookie = `hilink_lang=${chosen};path=/;max-age=${YEAR_S};samesite=lax${safe}`;
  }, [chosen]);
  return null;
}
