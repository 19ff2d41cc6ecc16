"What a notebook tells of each name that it defines: how it is called, what it raises, where it is from, an example."

import ast
import html
import json
import re


def plain(text):
    "Text as it is, for Markdown that would make dashes, curly quotes and tags of it."
    text = html.escape(re.sub(r'\s+', ' ', str(text))).replace('|', '\\|').replace('$', '\\$')
    return re.sub(r'(?<![\w`-])--[a-z][\w-]*', r'`\g<0>`', text)


def signature_of(node):
    "How a function or a class is called, as it is written; nothing for a class without a constructor of its own."
    inits = [f for f in node.body if getattr(f, 'name', '') == '__init__']
    made = node if not isinstance(node, ast.ClassDef) else inits[0] if inits else None
    if made is None:
        return ''
    del made.args.args[: made is not node]  # `self`
    gives = f' -> {ast.unparse(made.returns)}' if made.returns else ''
    return f'{"async " * isinstance(node, ast.AsyncFunctionDef)}{node.name}({ast.unparse(made.args)}){gives}'


def errors_of(node):
    "What a function or class raises itself, with the message; `…` stands for what the message names."
    caught = {
        id(n) for t in ast.walk(node) if isinstance(t, ast.Try) and t.handlers for b in t.body for n in ast.walk(b)
    }
    told = []
    for n in ast.walk(node):
        raised = n.exc if isinstance(n, ast.Raise) and id(n) not in caught else None
        if not isinstance(raised, ast.Call) or not ast.unparse(raised.func).split('.')[-1][0].isupper():
            continue  # caught again below, or an error that somebody else has made
        messages = []
        for argument in raised.args:
            parts = getattr(argument, 'values', [argument])
            messages.append(''.join(str(p.value) if isinstance(p, ast.Constant) else '…' for p in parts))
        message = re.sub('…+', '…', ', '.join(messages))
        says = len(re.findall('[A-Za-z]{2,}', message)) > 1
        told.append(f'`{ast.unparse(raised.func)}`{f": {plain(message)}" if says else ""}')
    return '\n'.join(['Raises:\n', *(f'- {one}' for one in dict.fromkeys(told))]) if told else ''


def sources_of(prose):
    "Where an idea is from: whom a text names with a year in parentheses."
    found = []
    for match in re.finditer(r'\(([^()]*\b(?:18|19|20)\d\d\b[^()]*)\)', re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', prose)):
        said = re.search(r'([^:;]*\b(?:18|19|20)\d\d\b(?:, section [\w.]+)?)', match[1])[1].strip()
        if said[0].isdigit():  # 'Wilson's interval (1927)'
            names = re.search(r"((?:[A-Z][\w'’-]*[, ]+(?:and )?)+(?:\w+ )?)$", match.string[: match.start()])
            said = f'{names[1].strip()} ({said})' if names else ''
        if re.search('[A-Z]', said):
            found.append(plain(said))
    return f'Source: {"; ".join(dict.fromkeys(found))}.' if found else ''


def spoken(outputs):
    "What a cell printed or answered, as far as it is text; pictures are on the notebook's page."
    said = []
    for output in outputs:
        text = ''.join(output.get('text', '')) or ''.join(output.get('data', {}).get('text/plain', ''))
        if text and not re.match(r'<(Figure|PIL|IPython|mnist_nb)', text):
            said.append(text.rstrip())
    return '\n'.join(said)


def explained(path):
    "For each name that a notebook defines: its signature, what it raises, its source, the first cell that shows it at work."
    found, shown, prose = {}, {}, ''
    for one in json.loads(path.read_text())['cells']:
        source = ''.join(one['source'])
        if one['cell_type'] == 'markdown':
            prose = source
        elif re.search(r'(?m)^#\|\s*export', source):
            for node in ast.parse(source).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    found[node.name] = signature_of(node), errors_of(node), sources_of(prose)
            prose = ''
        elif not re.search(r'(?m)^#\|\s*(hide|echo: false)', source):
            code, said = re.sub(r'(?m)^#\|.*\n?', '', source).strip(), spoken(one.get('outputs', []))
            if max(len(code.splitlines()), len(said.splitlines())) > 24:
                continue
            for name in found.keys() - shown.keys():
                if re.search(rf'(?<![\w.]){name}\b', code):
                    shown[name] = f'```python\n{code}\n```' + (f'\n\n```text\n{said}\n```' if said else '')
    return {name: (*parts, shown.get(name, '')) for name, parts in found.items()}


def with_more(text, more):
    "A module's page, each function and class with what is known of it beyond its parameters."
    parts = re.split(r'(?m)^(?=## )', text)
    for i, part in enumerate(parts):
        name = re.match(r'## (?:class )?(\w+)', part)
        if not name or name[1] not in more:
            continue
        signature, errors, sources, example = more[name[1]]
        if signature:  # defaults by their names, where what they are would fill the page
            part = re.sub(
                r'```python\n.*?\n```', lambda _, s=signature: f'```python\n{s}\n```', part, count=1, flags=re.S
            )
        opened = ' open' if len(example.splitlines()) <= 12 else ''
        folded = f'<details{opened}><summary>Example</summary>\n\n{example}\n\n</details>' if example else ''
        parts[i] = '\n\n'.join([*filter(None, [part.rstrip(), errors, sources, folded]), ''])
    return ''.join(parts)
