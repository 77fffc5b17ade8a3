import { english, type Text } from './en'
import { newFormat, type Format } from './format'
import { pseudo } from './pseudo'

// Language is what the pages speak: their text, and how numbers and moments are
// written in it.
export interface Language {
  readonly text: Text
  readonly format: Format
  readonly direction: 'ltr' | 'rtl'
}

// languageFor picks the first of the wanted locales that there are texts for,
// and English where there are for none. en-XA and ar-XB are no languages: they
// show what is not translated, and what does not mirror.
export async function languageFor(wanted: readonly string[]): Promise<Language> {
  for (const locale of wanted) {
    if (locale === 'en-XA' || locale === 'ar-XB') {
      return { text: pseudo(english(newFormat('en'))), format: newFormat('en'), direction: locale === 'ar-XB' ? 'rtl' : 'ltr' }
    }
    if (/^nl\b/i.test(locale)) {
      const format = newFormat(locale)
      return { text: (await import('./nl')).dutch(format), format, direction: 'ltr' }
    }
    if (/^en\b/i.test(locale)) break
  }
  const format = newFormat(wanted.find((locale) => /^en\b/i.test(locale)) ?? 'en-GB')
  return { text: english(format), format, direction: 'ltr' }
}
