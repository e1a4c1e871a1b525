FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/names
RUN pip install -q --no-cache-dir python-slugify==8.0.1 six==1.16.0
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
