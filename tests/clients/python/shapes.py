"""What a request means, read from the body in which it reached the upstream: the same whatever dialect that speaks."""


def limit(side, body):
    """How many tokens may be generated."""
    return {
        "fake-openai": lambda: body["max_tokens"],
        "fake-responses": lambda: body["max_output_tokens"],
        "fake-anthropic": lambda: body["max_tokens"],
        "fake-gemini": lambda: body["generationConfig"]["maxOutputTokens"],
    }[side]()


def temperature(side, body):
    return (body["generationConfig"] if side == "fake-gemini" else body)["temperature"]


def stop(side, body):
    """The texts that end an answer; OpenAI's Responses cannot be told any."""
    found = {
        "fake-openai": lambda: body["stop"],
        "fake-responses": lambda: [],
        "fake-anthropic": lambda: body["stop_sequences"],
        "fake-gemini": lambda: body["generationConfig"]["stopSequences"],
    }[side]()
    return [found] if isinstance(found, str) else found


def text_of(content):
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)


def system(side, body):
    """The instructions."""
    if side == "fake-anthropic":
        return text_of(body["system"])
    if side == "fake-gemini":
        return text_of(body["systemInstruction"]["parts"])
    if body.get("instructions"):
        return body["instructions"]
    turns = body["messages"] if side == "fake-openai" else body["input"]
    return "".join(text_of(turn["content"]) for turn in turns if turn["role"] in ("system", "developer"))


def tool_choice(side, body):
    """`auto`, `required`, `none`, or the name of the one tool to be called."""
    if side == "fake-gemini":
        config = body["toolConfig"]["functionCallingConfig"]
        names = config.get("allowedFunctionNames") or [None]
        return names[0] or {"AUTO": "auto", "ANY": "required", "NONE": "none"}[config["mode"]]
    choice = body["tool_choice"]
    if isinstance(choice, str):
        return choice
    name = choice.get("name") or choice.get("function", {}).get("name")
    return name or {"auto": "auto", "any": "required", "none": "none"}[choice["type"]]


def tools(side, body):
    """The functions: name, description and schema of each."""
    if side == "fake-gemini":
        functions = body["tools"][0]["functionDeclarations"]
        schema = lambda it: it.get("parametersJsonSchema") or it.get("parameters_json_schema") or it.get("parameters")
    elif side == "fake-openai":
        functions = [tool["function"] for tool in body["tools"]]
        schema = lambda it: it["parameters"]
    else:
        functions = body["tools"]
        schema = lambda it: it.get("input_schema") or it["parameters"]
    return [(it["name"], it.get("description"), schema(it)) for it in functions]


def images(side, body):
    """The pictures of the last turn, by their addresses; those sent whole as `data:` addresses."""

    def address(part):
        if side == "fake-openai":
            return part.get("image_url", {}).get("url")
        if side == "fake-responses":
            return part.get("image_url")
        if side == "fake-anthropic":
            source = part.get("source", {})
            whole = source.get("type") == "base64"
            return f"data:{source['media_type']};base64,{source['data']}" if whole else source.get("url")
        if "inlineData" in part:
            return f"data:{part['inlineData']['mimeType']};base64,{part['inlineData']['data']}"
        return part.get("fileData", {}).get("fileUri")

    turns = {"fake-responses": "input", "fake-gemini": "contents"}.get(side, "messages")
    last = body[turns][-1]
    parts = last["parts"] if side == "fake-gemini" else last["content"]
    return [found for found in map(address, parts) if found]


def schema(side, body):
    """The schema that the answer must follow."""
    return {
        "fake-openai": lambda: body["response_format"]["json_schema"]["schema"],
        "fake-responses": lambda: body["text"]["format"]["schema"],
        "fake-anthropic": lambda: body["output_config"]["format"]["schema"],
        "fake-gemini": lambda: body["generationConfig"].get("responseJsonSchema")
        or body["generationConfig"]["responseSchema"],
    }[side]()


def proofs(side, body):
    """The signatures and sealed thoughts that the conversation holds."""
    if side == "fake-responses":
        found = [item.get("encrypted_content") for item in body["input"] if isinstance(item, dict)]
    elif side == "fake-gemini":
        found = [part.get("thoughtSignature") for turn in body["contents"] for part in turn["parts"]]
    else:
        turns = [turn["content"] for turn in body["messages"] if isinstance(turn["content"], list)]
        found = [part.get("signature") or part.get("data") for parts in turns for part in parts]
    return [proof for proof in found if proof]
