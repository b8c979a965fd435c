/** The PDFs of a document. The same document makes the same bytes. */
import { ACCENT, MUTED, PdfSheet } from './pdf-sheet.js';
import type { Change, DocumentRecord, SignerRecord } from './records.js';
import { hasSigned } from './signing-rules.js';
import { documentStatusText, signerStatusText } from './status-texts.js';

const FOOTER = 'Countersign sandbox, not legally binding';

function utc(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function nameOf(signer: SignerRecord): string {
  return `${signer.firstname} ${signer.lastname}`;
}

function heading(sheet: PdfSheet, kicker: string, document: DocumentRecord): void {
  sheet.row([
    { text: kicker, left: 0, width: 300, style: 'bold', size: 9, color: ACCENT },
    { text: 'SANDBOX', left: PdfSheet.width - 48, width: 60, style: 'bold', size: 9, color: MUTED },
  ]);
  sheet.space(10);
  sheet.paragraph(document.name, { size: 22, style: 'bold' });
  sheet.rule();
}

function facts(sheet: PdfSheet, rows: readonly (readonly [string, string])[]): void {
  sheet.space(6);
  for (const [label, value] of rows.filter(([, text]) => text !== '')) {
    sheet.row([
      { text: label, left: 0, width: 100, color: MUTED, size: 9 },
      { text: value, left: 110, width: PdfSheet.width - 110, size: 9 },
    ]);
  }
  sheet.rule();
}

function identification(document: DocumentRecord): (readonly [string, string])[] {
  const tags = [document.tag, document.tag1, document.tag2].filter((tag) => tag !== '');
  return [
    ['Document', document.id],
    ['Group', document.group],
    ['Tags', tags.join(' · ')],
    ['Created', utc(document.created)],
  ];
}

function signature(sheet: PdfSheet, signer: SignerRecord): void {
  const signed = hasSigned(signer);
  sheet.space(14);
  if (signed)
    sheet.row([{ text: nameOf(signer), left: 0, width: 300, style: 'script', size: 22 }], 26);
  sheet.row([
    { text: nameOf(signer), left: 0, width: 220, style: 'bold' },
    {
      text: signerStatusText(signer.status),
      left: 230,
      width: 100,
      color: signed ? ACCENT : MUTED,
    },
    { text: utc(signer.statusAt), left: 340, width: PdfSheet.width - 340, size: 9 },
  ]);
  sheet.row([
    { text: `${signer.role}, ${signer.email}`, left: 0, width: 320, size: 9, color: MUTED },
    { text: signer.id, left: 340, width: PdfSheet.width - 340, size: 6.5, color: MUTED },
  ]);
  sheet.rule();
}

/** The final PDF: what was signed, by whom and when. */
export async function finalPdf(document: DocumentRecord): Promise<Uint8Array> {
  const sheet = await PdfSheet.create(
    document.name,
    new Date(document.signTime ?? document.modified),
  );
  heading(sheet, 'SIGNED DOCUMENT', document);
  facts(sheet, [
    ...identification(document),
    ['Signed', document.signTime === null ? '' : utc(document.signTime)],
  ]);
  sheet.space(12);
  sheet.paragraph(
    'The parties named below have agreed to this document and signed it electronically.',
  );
  for (const signer of document.signers) signature(sheet, signer);
  return sheet.bytes(FOOTER);
}

function happening(document: DocumentRecord, change: Change): [who: string, what: string] {
  const signer = document.signers.find(({ id }) => id === change.id);
  if (!signer) return ['Document', documentStatusText(change.status)];
  const reason = change.note === '' ? '' : `: ${change.note}`;
  return [nameOf(signer), `${signerStatusText(change.status)}${reason}`];
}

/** The audit log: everything that happened, in order. */
export async function auditLogPdf(document: DocumentRecord): Promise<Uint8Array> {
  const sheet = await PdfSheet.create(`Audit log: ${document.name}`, new Date(document.modified));
  heading(sheet, 'AUDIT LOG', document);
  facts(sheet, [...identification(document), ['SHA-256', document.hash ?? '']]);
  sheet.space(8);
  for (const change of document.history) {
    const [who, what] = happening(document, change);
    sheet.row([
      { text: utc(change.at), left: 0, width: 130, size: 9, color: MUTED },
      { text: who, left: 135, width: 160, size: 9, style: 'bold' },
      { text: what, left: 305, width: PdfSheet.width - 305, size: 9 },
    ]);
  }
  return sheet.bytes(FOOTER);
}
