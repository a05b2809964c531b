// Reads every mail that write.py made by a mail program's own parser (postal-mime): is what arrives what was written?
import fs from 'node:fs';
import path from 'node:path';
import PostalMime from 'postal-mime';

const folder = path.resolve(process.argv[2]);
const pages = JSON.parse(fs.readFileSync(path.join(folder, 'pages.json'), 'utf8'))
  .filter((one) => fs.existsSync(path.join(folder, one.page.replace(/\.html$/, '.eml'))));
const problems = [];
const plain = (text) => (text ?? '').replaceAll('\r\n', '\n').trimEnd();

async function differences(bytes, text, html, lang) {
  const mail = await PostalMime.parse(bytes);
  const header = (name) => mail.headers.filter((one) => one.key === name).map((one) => one.value);
  const found = [];
  const expect = (what, is) => { if (!is) found.push(what); };
  expect('text', plain(mail.text) === plain(text));
  expect('html', plain(mail.html) === plain(html));
  expect('subject', mail.subject && !/[=?]{2}/.test(mail.subject));
  expect('from', mail.from?.address === 'parcels@example.org' && mail.to?.[0]?.address === 'anna@example.org');
  expect('thread', mail.references && mail.references === mail.inReplyTo && mail.messageId && mail.references !== mail.messageId);
  expect('date', !Number.isNaN(Date.parse(mail.date)));
  expect('language', header('content-language')[0] === lang);
  expect('automatic', header('auto-submitted')[0] === 'auto-generated');
  expect('way out', /^<https:[^>]+>, *<mailto:[^>]+>$/.test(header('list-unsubscribe')[0]) && header('list-unsubscribe-post')[0] === 'List-Unsubscribe=One-Click');
  expect('headers once', new Set(mail.headers.map((one) => one.key)).size === mail.headers.length);
  for (const one of mail.attachments) {
    const content = new TextDecoder().decode(one.content);
    expect('calendar', one.filename === 'deadline.ics' && one.mimeType === 'text/calendar' && one.disposition === 'attachment' &&
      content.startsWith('BEGIN:VCALENDAR') && content.includes('METHOD:PUBLISH') && content.trimEnd().endsWith('END:VCALENDAR'));
  }
  return { found, dates: mail.attachments.length };
}

let dates = 0;
const read = (name) => fs.readFileSync(path.join(folder, name));
for (const { lang, page } of pages) {
  const base = page.replace(/\.html$/, '');
  const one = await differences(read(`${base}.eml`), read(`${base}.txt`).toString(), read(page).toString(), lang);
  dates += one.dates;
  for (const what of one.found) problems.push(`${base}.eml: ${what}`);
}
// Negative control: a mail that was changed on its way is noticed.
const first = pages[0].page.replace(/\.html$/, '');
const changed = read(`${first}.eml`).toString('latin1').replace('Auto-Submitted: auto-generated', 'Auto-Submitted: no');
const noticed = await differences(Buffer.from(changed, 'latin1'), `${read(`${first}.txt`)}x`, read(pages[0].page).toString(), pages[0].lang);
if (noticed.found.join() !== 'text,automatic') problems.push(`control: noticed ${noticed.found.join()}`);

console.log(`${pages.length} mails parsed back, ${dates} with a calendar, ${problems.length} problems`);
for (const problem of problems.slice(0, 40)) console.log(`  ${problem}`);
process.exit(problems.length ? 1 : 0);
