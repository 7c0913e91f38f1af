//! The part of a record that says of which exchange it is a copy.

use yumen_telemetry::{AnswerFacts, ComparedRecord, ShadowRecord};

use super::{Fields, Unreadable, nested, number, optional_number, optional_text, text};

pub(super) fn encode(shadow: &ShadowRecord, out: &mut Vec<u8>) {
    text(out, 1, &shadow.of);
    text(out, 2, &shadow.alias);
    optional_text(out, 3, shadow.provider.as_deref());
    optional_text(out, 4, shadow.model.as_deref());
    number(out, 5, shadow.streamed.into());
    number(out, 6, shadow.output_tokens);
    optional_number(out, 7, shadow.cost_nanos);
    optional_number(out, 8, shadow.first_byte_us);
    number(out, 9, shadow.total_us);
    if let Some(compared) = &shadow.compared {
        nested(out, 10, |out| encode_compared(compared, out));
    }
}

fn encode_compared(compared: &ComparedRecord, out: &mut Vec<u8>) {
    nested(out, 1, |out| encode_facts(&compared.original, out));
    nested(out, 2, |out| encode_facts(&compared.copy, out));
    number(out, 3, compared.same_finish.into());
    optional_number(out, 4, compared.same_tools.map(u64::from));
    optional_number(out, 5, compared.same_arguments.map(u64::from));
    optional_number(out, 6, compared.common_words.map(u64::from));
}

fn encode_facts(facts: &AnswerFacts, out: &mut Vec<u8>) {
    number(out, 1, facts.characters);
    number(out, 2, facts.tool_calls);
    optional_number(out, 3, facts.valid_json.map(u64::from));
}

pub(super) fn decode(bytes: &[u8]) -> Result<ShadowRecord, Unreadable> {
    let mut shadow = ShadowRecord::default();
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => shadow.of = value.text()?,
            2 => shadow.alias = value.text()?,
            3 => shadow.provider = Some(value.text()?),
            4 => shadow.model = Some(value.text()?),
            5 => shadow.streamed = value.number()? != 0,
            6 => shadow.output_tokens = value.number()?,
            7 => shadow.cost_nanos = Some(value.number()?),
            8 => shadow.first_byte_us = Some(value.number()?),
            9 => shadow.total_us = value.number()?,
            10 => shadow.compared = Some(decode_compared(value.bytes()?)?),
            _ => {}
        }
    }
    Ok(shadow)
}

fn decode_compared(bytes: &[u8]) -> Result<ComparedRecord, Unreadable> {
    let mut compared = ComparedRecord::default();
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => compared.original = decode_facts(value.bytes()?)?,
            2 => compared.copy = decode_facts(value.bytes()?)?,
            3 => compared.same_finish = value.number()? != 0,
            4 => compared.same_tools = Some(value.number()? != 0),
            5 => compared.same_arguments = Some(value.number()? != 0),
            6 => compared.common_words = Some(value.small()?),
            _ => {}
        }
    }
    Ok(compared)
}

fn decode_facts(bytes: &[u8]) -> Result<AnswerFacts, Unreadable> {
    let mut facts = AnswerFacts::default();
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => facts.characters = value.number()?,
            2 => facts.tool_calls = value.number()?,
            3 => facts.valid_json = Some(value.number()? != 0),
            _ => {}
        }
    }
    Ok(facts)
}
